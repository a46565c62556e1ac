// Jest reporter that counts for `N passed, N failed`. Started by test/run.mjs it writes the counts to the
// file named by WEIR_TEST_COUNTS, because the line must come after jest's own summary; else it prints them.

import { writeFileSync } from 'node:fs';

export default class CountReporter {
  onRunComplete(_contexts, results) {
    const counts = {
      passed: results.numPassedTests,
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites, // a suite that does not load fails
      skipped: results.numPendingTests + results.numTodoTests,
    };
    const broken = results.testResults.filter((suite) => suite.numFailingTests > 0 || suite.testExecError);
    counts.again = broken.map((suite) => ({
      file: suite.testFilePath,
      passed: suite.numPassingTests,
      failed: suite.numFailingTests + (suite.testExecError ? 1 : 0),
      skipped: suite.numPendingTests + suite.numTodoTests,
    }));
    const file = process.env.WEIR_TEST_COUNTS;
    if (file !== undefined) writeFileSync(file, JSON.stringify(counts));
    else
      process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
  }
}
