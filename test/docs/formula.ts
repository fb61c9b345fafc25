/* Arithmetic in TeX: numbers, + - / and products, powers, roots, fractions, e, ln, sine and cosine, floor. */

const FUNCTIONS: Record<string, (x: number) => number> = {
  sqrt: Math.sqrt,
  ln: Math.log,
  sin: Math.sin,
  cos: Math.cos,
};

/** What a formula comes to; undefined for one that is not made of numbers alone. */
export function evaluate(tex: string): number | undefined {
  const tokens = tex
    .replaceAll(/\\(left|right|bigl|bigr|Bigl|Bigr)(?![a-z])|\\[,;! ]/g, ' ')
    .match(/\\[a-zA-Z]+|\d+(?:\.\d+)?|\S/g);
  if (!tokens) return undefined;
  const reader = new Reader(tokens);
  const value = reader.sum();
  return reader.isAtEnd && !Number.isNaN(value) ? value : undefined;
}

/** By recursive descent; NaN for what it does not understand. */
class Reader {
  #at = 0;
  readonly #tokens: readonly string[];

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#tokens.length;
  }

  sum(): number {
    let value = this.#take('-') ? -this.#product() : this.#product();
    for (;;) {
      if (this.#take('+')) value += this.#product();
      else if (this.#take('-')) value -= this.#product();
      else return value;
    }
  }

  #product(): number {
    let value = this.#power();
    for (;;) {
      if (this.#take('\\cdot')) value *= this.#power();
      else if (this.#take('/')) value /= this.#power();
      else return value;
    }
  }

  #power(): number {
    const value = this.#atom();
    return this.#take('^') ? value ** this.#argument() : value;
  }

  /** A group in braces, or what stands alone: 2^3, 2^{-3}. */
  #argument(): number {
    return this.#enclosed('{', '}') ?? this.#atom();
  }

  #atom(): number {
    const inside = this.#enclosed('(', ')') ?? this.#enclosed('{', '}');
    if (inside !== undefined) return inside;
    if (this.#take('\\lfloor')) return Math.floor(this.#until('\\rfloor'));
    if (this.#take('\\frac') || this.#take('\\tfrac')) return this.#argument() / this.#argument();
    if (this.#take('e')) return Math.E;
    const token = this.#tokens[this.#at] ?? '';
    const f = token.startsWith('\\') ? FUNCTIONS[token.slice(1)] : undefined;
    if (!f && !/^\d/.test(token)) return Number.NaN;
    this.#at++;
    return f ? f(this.#argument()) : Number(token);
  }

  #enclosed(open: string, close: string): number | undefined {
    return this.#take(open) ? this.#until(close) : undefined;
  }

  #until(close: string): number {
    const value = this.sum();
    return this.#take(close) ? value : Number.NaN;
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at++;
    return true;
  }
}
