import { expect, test } from '@jest/globals';
import { originServer } from '../../support/originServer.ts';
import { startTestWeir } from '../../support/weir.ts';

const page = (body: string): string => `<!doctype html><html><body>${body}</body></html>`;
const CLEAN = page('<script>document.title = "Hello";</script>');
const SMUGGLER = page(`<script>
  var a = document.createElement('a');
  a.href = URL.createObjectURL(new Blob([atob('TVoAAAAA') + 'not a program']));
  a.download = 'Invoice.exe'; a.click();
</script>`);

test('a smuggling page is blocked through the proxy with its report named on the page, and its clean neighbour is not', async () => {
  await using origin = await originServer((request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(request.url === '/clean' ? CLEAN : SMUGGLER);
  });
  await using weir = await startTestWeir({
    plugins: ['./plugins/antivirus', './plugins/threat-emulation'],
    profiles: { tested: { base: 'optimized', blades: { 'threat-emulation': { mode: 'inline' } } } },
    gateway: { services: { sandblast: { profile: 'tested' } } },
  });
  const clean = await weir.curl(`${origin.url}/clean`);
  expect([clean.status, clean.body.toString()]).toEqual([200, CLEAN]);
  const blocked = await weir.curl(`${origin.url}/smuggler`);
  expect(blocked.status).toBe(403);
  expect(blocked.body.toString()).toMatch(/Behaviour\.html\.[\s\S]*report te-[0-9a-f]{12}/);
  expect(blocked.body.includes('Invoice.exe')).toBe(true);
});
