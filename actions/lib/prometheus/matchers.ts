/** One label matcher of a selector, such as `status_code=~"5.."`. */
export interface Matcher {
  label: string;
  operator: "=" | "!=" | "=~" | "!~";
  /** As written between the quotes. */
  value: string;
}

const OPPOSITE = { "=": "!=", "!=": "=", "=~": "!~", "!~": "=~" } as const;
const MATCHER = /([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*(?:"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|`([^`]*)`)/g;

/** The matchers of a selector's text without braces, in its order; what is no matcher is left to the server to refuse. */
export function findMatchers(selector: string): Matcher[] {
  return [...selector.matchAll(MATCHER)].map(([, label, operator, ...quoted]) => ({
    label: label!,
    operator: operator as Matcher["operator"],
    value: quoted.find((value) => value !== undefined) ?? "",
  }));
}

/** The matcher that matches exactly the other series: `a=~"b"` becomes `a!~"b"`. */
export function negate({ label, operator, value }: Matcher): string {
  return formatMatcher({ label, operator: OPPOSITE[operator], value });
}

/** As PromQL writes it. */
export function formatMatcher({ label, operator, value }: Matcher): string {
  return `${label}${operator}"${value}"`;
}

/** Whether a matcher takes every value of its label: then a series without the label is one that it leaves out on purpose. */
export function matchesAnyValue({ operator, value }: Matcher): boolean {
  return (operator === "!=" && value === "") || (operator === "=~" && (value === ".+" || value === ".*"));
}

/** Whether a matcher asks for status numbers, as `5..` and `[45]\d\d` do: a label with words never matches it. */
export function asksForNumbers({ operator, value }: Matcher): boolean {
  return operator.endsWith("~") && /\d/.test(value) && /^[\d.[\]\\dxX|()^$?*+{},-]+$/.test(value);
}
