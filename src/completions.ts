/** Command tree -> the scripts that complete it in four shells. Pure. */
import type { Command } from 'commander';
import { bash } from './completions/bash.ts';
import { fish } from './completions/fish.ts';
import { powershell } from './completions/powershell.ts';
import { readTree } from './completions/tree.ts';
import { zsh } from './completions/zsh.ts';
import type { Shell } from './shells.ts';

const generators = { bash, zsh, fish, powershell } as const;

export const completionScript = (shell: Shell, program: Command): string =>
  generators[shell](readTree(program));
