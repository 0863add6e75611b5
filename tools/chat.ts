import { spawnService } from "../test/service.ts";

/** `make chat`: the demo hotel's web chat on this machine, until Ctrl-C. */
console.log("chat: starting the service on embedded defaults");
const service = await spawnService({ PORT: process.env.PORT ?? "0" });
console.log(`chat: open ${service.url}/chat (Ctrl-C ends it)`);
const stop = async () => {
  await service.stop();
  process.exit(0);
};
process.once("SIGINT", stop);
process.once("SIGTERM", stop);
service.process.once("exit", (code) => {
  console.error(`chat: the service ended with ${code}:\n${service.log()}`);
  process.exit(1);
});
