import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { ArtifactService } from "./artifact-service.ts";
import { RestApi } from "./rest-api.ts";

/** A small server that stands in for GitHub: the artifact service and the part of the REST API that the actions use. */
export interface GitHubStandIn extends AsyncDisposable {
  url: string;
  repository: string;
  artifacts: ArtifactService;
  api: RestApi;
  /** What a step needs in its environment to talk to it. */
  env: Record<string, string>;
}

/** Starts the stand-in on a free port; close it with `await using` or `[Symbol.asyncDispose]()`. */
export async function startGitHub(repository = "octo/hotel"): Promise<GitHubStandIn> {
  let url = "";
  const artifacts = new ArtifactService(() => url);
  const api = new RestApi(repository, () => url);
  const server = createServer(async (request, response) => {
    const address = new URL(request.url ?? "/", url);
    const body = await buffer(request);
    const download = /^\/downloads\/(\d+)$/.exec(address.pathname)?.[1];
    if (download !== undefined) {
      const found = api.runs.flatMap((run) => run.artifacts).find(({ id }) => id === Number(download));
      response.writeHead(found === undefined ? 404 : 200, { "content-type": "application/zip" }).end(found?.content);
    } else if (!(await artifacts.handle(request, address, body, response))) {
      api.handle(request, address, body, response);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    repository,
    artifacts,
    api,
    env: {
      ACTIONS_RUNTIME_TOKEN: artifacts.runtimeToken,
      ACTIONS_RESULTS_URL: `${url}/`,
      GITHUB_API_URL: url,
      GITHUB_REPOSITORY: repository,
      GITHUB_REPOSITORY_OWNER: repository.split("/")[0]!,
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
