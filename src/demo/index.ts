// What the command line needs of the lab, as one module to load when it is wanted.

export { openBrowser } from './browser.ts';
export { invitation } from './invitation.ts';
export { startLab } from './lab.ts';
export { demoReport } from './report.ts';
export { playScenario } from './scenario.ts';
export { SCENARIOS } from './scenarios/index.ts';
export { formatScenario, formatSummary } from './story.ts';
