// What else in a workbook speaks of a sheet that is taken out: names that are defined on it or for it, and
// the numbers of the sheets behind it.

import { changeTags, tagsOf, withoutAttributes } from './xml.ts';

/** @param ids relationships that are gone; called before the sheets themselves are taken out */
export function withoutSheetNames(workbook: string, ids: ReadonlySet<string>): string {
  const sheets = tagsOf(workbook, 'sheet');
  const isGone = sheets.map(({ attributes }) =>
    [...attributes].some(([name, value]) => name.includes(':') && ids.has(value)),
  );
  if (!isGone.includes(true)) return workbook;
  const goneNames = sheets.filter((_, i) => isGone[i]).map(({ attributes }) => attributes.get('name') ?? '');
  return changeTags(workbook, (tag) => {
    if (tag.name === 'workbookView') {
      return withoutAttributes(tag, (name) => name === 'activeTab' || name === 'firstSheet');
    }
    if (tag.name !== 'definedName') return null;
    const content = workbook.slice(tag.at, workbook.indexOf('</', tag.at));
    if (goneNames.some((name) => name !== '' && content.includes(name))) return 'remove';
    const local = tag.attributes.get('localSheetId');
    if (local === undefined) return null;
    const index = Number(local);
    if (isGone[index] !== false) return 'remove';
    const now = isGone.slice(0, index).filter((gone) => !gone).length;
    return tag.text.replace(/(localSheetId\s*=\s*["'])\d+/, `$1${now}`);
  });
}
