// JSON that is equal for equal data, in whatever order keys were written.

/** @throws {TypeError} for data that refers to itself */
export function sortedJson(data: unknown): string {
  return JSON.stringify(data, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
