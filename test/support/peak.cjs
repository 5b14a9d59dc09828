// Preloaded into a child (NODE_OPTIONS=--require): writes the most memory it held, in KiB, to the file $PEAK.
const { readFileSync, writeFileSync } = require('node:fs');

process.on('exit', () => {
  // Not ru_maxrss: that begins with what the parent held when it forked.
  const [, peak] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  writeFileSync(process.env.PEAK, peak);
});
