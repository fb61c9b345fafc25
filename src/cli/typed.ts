/** The words of the command. */
export const typed = (): string[] => ['likeness', ...process.argv.slice(2)].map(quoted);

/** As a shell reads it. */
const quoted = (word: string) => (/^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
