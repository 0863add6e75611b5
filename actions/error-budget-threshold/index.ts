import { runAction } from "../lib/runner/entry.ts";
import { main } from "./main.ts";

await runAction(main, "error-budget");
