// Small helpers of the tests of src/http.

/** Resolves once `holds()` is true; for effects that offer no event. */
export async function eventually(holds: () => boolean, limitMs = 5000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${String(holds)}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
