import { ConfigError, loadConfig, publishedSecrets, readSecretFiles } from "./config.ts";
import { startService } from "./service.ts";
import { createLogger } from "./telemetry/log.ts";

try {
  const config = loadConfig(process.env);
  const pmsKeys = Object.fromEntries(
    Object.entries(readSecretFiles(process.env).env).filter(([name]) => name.startsWith("PMS_API_KEY")),
  );
  const logger = createLogger(config.LOG_LEVEL, config.RELEASE_VERSION);
  const published = publishedSecrets(config);
  if (published.length > 0) {
    logger.warn(
      { secrets: published, host: config.HOST },
      `not for guests: anyone can read the values of ${published.join(", ")} in the repository. Set values of your own, or NODE_ENV=production, which asks for them`,
    );
  }
  const service = await startService(config, logger, pmsKeys);
  logger.info(
    {
      url: service.url,
      database: config.DATABASE_URL === undefined ? "embedded" : "postgres",
      cache: config.REDIS_URL === undefined ? "memory" : "redis",
    },
    "listening",
  );

  let asked = false;
  const stop = async (signal: NodeJS.Signals) => {
    if (asked) process.exit(1);
    asked = true;
    logger.info({ signal }, "stopping");
    try {
      await service.stop();
      logger.info("stopped");
      process.exit(0);
    } catch (error) {
      logger.error({ err: error }, "stopped before everything was finished; what guests sent is in the inbox");
      process.exit(1);
    }
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : `The service could not start: ${(error as Error).message}`);
  process.exit(1);
}
