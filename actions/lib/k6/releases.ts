/** The k6 that this version of Gatehouse was proven with; the same as in tools/go.mod (a test holds them together). */
export const PINNED_K6_VERSION = "2.2.0";

export interface ReleaseAsset {
  /** File name after `k6-v<version>-`. */
  suffix: string;
  sha256: string;
}

/** Assets of one k6 release by `<process.platform>-<process.arch>`. */
export type ReleaseTable = Readonly<Record<string, Readonly<Record<string, ReleaseAsset>>>>;

/**
 * Known hashes of k6's release archives, version → platform → asset. They are the lines of
 * `k6-v<version>-checksums.txt` of the release; to move to another version, copy that file's lines for these
 * archives into a new entry. A platform that isn't here is never downloaded.
 */
export const K6_RELEASES: ReleaseTable = {
  "2.2.0": {
    "linux-x64": { suffix: "linux-amd64.tar.gz", sha256: "b5a8003c86f35f5cd5ceef1490312c48e587696c94d998cefc6d7b3b4cb1597d" },
    "linux-arm64": { suffix: "linux-arm64.tar.gz", sha256: "4ecd64cadcc792402d16293836115480419c4447c032858f564852d98f1bf54c" },
    "darwin-x64": { suffix: "macos-amd64.zip", sha256: "45a08590511c8a6a9c6331645e60c41624924e848e29472e87c60ac956d50372" },
    "darwin-arm64": { suffix: "macos-arm64.zip", sha256: "37a028506bf13578de66c906296803775df28cc2504b1a8c5d786b2803e757c7" },
  },
};

export const K6_DOWNLOADS = "https://github.com/grafana/k6/releases/download";

/** Address of a release archive and the folder that k6 lies in inside it. */
export function releaseArchive(version: string, asset: ReleaseAsset, downloads = K6_DOWNLOADS): { url: string; folder: string } {
  const name = `k6-v${version}-${asset.suffix}`;
  return { url: `${downloads}/v${version}/${name}`, folder: name.replace(/\.(tar\.gz|zip)$/, "") };
}
