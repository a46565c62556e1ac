// CPU time and resident memory of a process and all its descendants, read from /proc (Linux).
// Threads are in their process's figures; children that ended and were waited for are in their parent's.
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';

const PAGE_BYTES = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'latin1' }));
const MICROS_PER_TICK = 1e6 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'latin1' }));

export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** User and system time, also of ended and waited-for children, in clock ticks. */
  readonly ticks: number;
  readonly residentPages: number;
}

/**
 * Reads a line of `/proc/<pid>/stat`. The command name stands in parentheses and may itself hold spaces
 * and parentheses, so fields are counted from the last one.
 *
 * @see proc(5): ppid is field 4, utime to cstime 14 to 17, rss 24
 */
export function parseStat(line: string): ProcessStat {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  return {
    pid: Number.parseInt(line, 10),
    parent: field(4),
    ticks: field(14) + field(15) + field(16) + field(17),
    residentPages: field(24),
  };
}

/** `root` and whatever descends from it, in no order. */
export function descendants(root: number, all: readonly ProcessStat[]): ProcessStat[] {
  const found = all.filter((stat) => stat.pid === root);
  for (const stat of found) {
    // `found` grows while it is walked: children of children follow.
    found.push(...all.filter((candidate) => candidate.parent === stat.pid));
  }
  return found;
}

function readAll(): ProcessStat[] {
  const stats: ProcessStat[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      stats.push(parseStat(readFileSync(`/proc/${entry}/stat`, 'latin1')));
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return stats;
}

/**
 * Time that a core was busy since boot, from `/proc/stat`: all but idle and waiting for a disk.
 *
 * @see proc(5): the fields of a `cpuN` line are user, nice, system, idle, iowait, irq, softirq, steal
 */
export function coreBusyMicros(core: number): number {
  const line = readFileSync('/proc/stat', 'latin1').match(new RegExp(`^cpu${core} (.*)$`, 'm'))?.[1] ?? '';
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(' ').map(Number);
  return (user + nice + system + irq + softirq + steal) * MICROS_PER_TICK;
}

/** CPU time since their start of each process of a tree, by process id; ended children are in their parents'. */
export function cpuByProcess(root: number): Map<number, number> {
  return new Map(descendants(root, readAll()).map(({ pid, ticks }) => [pid, ticks * MICROS_PER_TICK]));
}

export interface Usage {
  readonly cpuMicros: number;
  readonly residentBytes: number;
}

/** Usage of several process trees, each the sum over its processes; CPU time since their start. */
export function usageOf(roots: readonly number[]): Usage[] {
  const all = readAll();
  return roots.map((root) => {
    const tree = descendants(root, all);
    return {
      cpuMicros: tree.reduce((sum, stat) => sum + stat.ticks, 0) * MICROS_PER_TICK,
      residentBytes: tree.reduce((sum, stat) => sum + stat.residentPages, 0) * PAGE_BYTES,
    };
  });
}
