// Host patterns of the configuration: an exact name or address, `*.suffix` for everything below a
// domain, `*` for all. The most specific pattern wins.

/**
 * Compiles patterns into a look-up.
 *
 * @param table  pattern to value
 * @returns value of the most specific pattern that fits a lower-case host, or undefined
 */
export function hostMatcher<Value>(
  table: Readonly<Record<string, Value>>,
): (host: string) => Value | undefined {
  const exact = new Map<string, Value>();
  const suffixes: { suffix: string; value: Value }[] = [];
  for (const [pattern, value] of Object.entries(table)) {
    const lower = pattern.toLowerCase();
    if (lower === '*') suffixes.push({ suffix: '', value });
    else if (lower.startsWith('*.')) suffixes.push({ suffix: lower.slice(1), value });
    else exact.set(lower, value);
  }
  suffixes.sort((a, b) => b.suffix.length - a.suffix.length);
  if (exact.size === 0 && suffixes.length === 0) return () => undefined;
  return (host) => {
    const found = exact.get(host);
    if (found !== undefined) return found;
    return suffixes.find(
      ({ suffix }) => suffix === '' || (host.endsWith(suffix) && host.length > suffix.length),
    )?.value;
  };
}
