// Whole processes, in turn with what they are measured against (A B A B …); medians of the ratio pair by pair.
import { spawnSync } from 'node:child_process';

/** Milliseconds of one run; it must end with 0. */
function time({ command = process.execPath, args, env }) {
  const started = process.hrtime.bigint();
  const { status, stderr } = spawnSync(command, args, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  });
  const ms = Number(process.hrtime.bigint() - started) / 1e6;
  if (status !== 0) throw new Error(`${args.join(' ')}: exit ${String(status)} ${String(stderr)}`);
  return ms;
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];

/** Prints a line. `less`, a further command, is what both are measured without. */
export function compare({ name, target, ours, against, theirs, less }, runs) {
  const round = () => {
    const spared = less === undefined ? 0 : time(less);
    return [time(ours) - spared, time(theirs)];
  };
  round();
  const pairs = Array.from({ length: runs }, round);
  const [mine, other] = [0, 1].map((side) => median(pairs.map((both) => both[side])));
  const ratio = median(pairs.map(([a, b]) => a / b));
  console.log(
    `${name.padEnd(46)} ${mine.toFixed(0).padStart(5)} ms  ${other.toFixed(0).padStart(5)} ms ${against.padEnd(14)}  ratio ${ratio.toFixed(2)}  (aim ${String(target)})`,
  );
}
