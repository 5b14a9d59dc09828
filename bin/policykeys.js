#!/usr/bin/env node
'use strict';
const { readFileSync, writeSync } = require('node:fs');

// What is known when the program is built is printed without loading it.
const ready = {
  '--version': () => `${require('../package.json').version}\n`,
  '--help': () => readFileSync(`${__dirname}/../dist/help.txt`, 'utf8'),
};
ready['-V'] = ready['--version'];
ready['-h'] = ready['--help'];

const text = process.argv.length === 3 ? ready[process.argv[2]] : undefined;
if (text === undefined) {
  require('../dist/main.cjs').start();
} else {
  try {
    writeSync(1, text());
  } catch (error) {
    // A reader that went away is no failure; everything else is told by the program itself.
    if (error.code !== 'EPIPE') require('../dist/main.cjs').start();
  }
}
