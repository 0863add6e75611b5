/** A line that an action put beside the run. */
export interface LoggedAnnotation {
  level: "error" | "warning" | "notice";
  title: string | undefined;
  message: string;
}

/**
 * Reads an action's log line by line as the runner does: workflow commands are taken out and obeyed, secrets are
 * masked, and between `::stop-commands::token` and `::token::` nothing is a command.
 */
export class LogReader {
  readonly annotations: LoggedAnnotation[] = [];
  readonly #masks = new Set<string>();
  readonly #show: (line: string) => void;
  #stopToken: string | undefined;

  /** @param show gets each line as the runner's log would show it */
  constructor(show: (line: string) => void) {
    this.#show = show;
  }

  line(text: string): void {
    if (this.#stopToken !== undefined) {
      if (text.trim() === `::${this.#stopToken}::`) this.#stopToken = undefined;
      else this.#print(text);
      return;
    }
    const command = parseCommand(text);
    if (command === undefined) {
      this.#print(text);
      return;
    }
    const { name, properties, message } = command;
    switch (name) {
      case "error":
      case "warning":
      case "notice":
        this.annotations.push({ level: name, title: properties["title"], message: this.#mask(message) });
        this.#print(
          `${name[0]!.toUpperCase()}${name.slice(1)}: ${properties["title"] === undefined ? "" : `${properties["title"]}: `}${message}`,
        );
        break;
      case "add-mask":
        if (message.trim() !== "") this.#masks.add(message);
        break;
      case "stop-commands":
        this.#stopToken = message;
        break;
      case "group":
        this.#print(`▼ ${message}`);
        break;
      case "endgroup":
      case "debug":
        break;
      default:
        this.#print(`Warning: unknown workflow command "${name}": ${text}`);
    }
  }

  #print(text: string): void {
    this.#show(this.#mask(text));
  }

  #mask(text: string): string {
    let masked = text;
    for (const secret of this.#masks)
      for (const line of secret.split("\n")) if (line !== "") masked = masked.replaceAll(line, "***");
    return masked;
  }
}

function parseCommand(text: string): { name: string; properties: Record<string, string>; message: string } | undefined {
  const match = /^\s*::([A-Za-z-]+)(?: ([^:]*?(?:(?!::).)*?))?::(.*)$/s.exec(text);
  if (match === null) return undefined;
  const properties: Record<string, string> = {};
  for (const part of (match[2] ?? "").split(",")) {
    const equals = part.indexOf("=");
    if (equals > 0) properties[part.slice(0, equals).trim()] = unescapeProperty(part.slice(equals + 1));
  }
  return { name: match[1]!, properties, message: unescapeData(match[3]!) };
}

function unescapeData(text: string): string {
  return text.replaceAll("%0D", "\r").replaceAll("%0A", "\n").replaceAll("%25", "%");
}

function unescapeProperty(text: string): string {
  return unescapeData(text.replaceAll("%3A", ":").replaceAll("%2C", ","));
}
