import type { Command } from 'commander';
export const shells = ['bash', 'zsh', 'fish', 'powershell'] as const;
export type Shell = (typeof shells)[number];
export const completionScript = (shell: Shell, program: Command): string =>
  `# ${shell} ${program.name()}\n`;
