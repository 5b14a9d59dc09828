// Preloaded into a child (NODE_OPTIONS=--require): writes the most memory it held, in KiB, to the file $PEAK.
const { writeFileSync } = require('node:fs');

process.on('exit', () => {
  writeFileSync(process.env.PEAK, String(process.resourceUsage().maxRSS));
});
