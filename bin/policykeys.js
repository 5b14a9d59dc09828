#!/usr/bin/env node
'use strict';
const argument = process.argv.length === 3 ? process.argv[2] : '';
if (argument === '--version' || argument === '-V') {
  // Nothing else is loaded for it. A reader that went away is no failure.
  try {
    require('node:fs').writeSync(1, `${require('../package.json').version}\n`);
  } catch (error) {
    if (error.code !== 'EPIPE') throw error;
  }
} else {
  require('../dist/main.cjs').start();
}
