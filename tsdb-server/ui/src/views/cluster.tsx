// Nodes and shards of the cluster, and what is still to be done.

import { useState } from "preact/hooks";
import { api, type Cluster as Report, type ClusterNode, type ClusterShard } from "../api";
import { formatBytes, formatCount } from "../number";
import { useLoaded } from "../use";
import { Failure, Heading, Notice, Table } from "./parts";

const EVERY_MS = 5000;

export function Cluster() {
  const { data, error, loading, reload } = useLoaded(() => api.cluster(), [], EVERY_MS);
  return (
    <>
      <Heading title="Cluster" loading={loading && data === null}>
        <button onClick={reload}>Reload</button>
      </Heading>
      {error !== null && <Failure error={error} missing={error.message} />}
      {data !== null && <Report report={data} />}
    </>
  );
}

type ShardState = "fine" | "changing" | "missing" | "lost";

const STATES: Record<ShardState, string> = {
  fine: "all replicas answer",
  changing: "moves to another node",
  missing: "a replica is missing",
  lost: "no majority answers",
};

export function shardState(shard: ClusterShard): ShardState {
  if (shard.withoutMajority) {
    return "lost";
  }
  if (shard.missing.length > 0) {
    return "missing";
  }
  return shard.inChange ? "changing" : "fine";
}

function Report({ report }: { report: Report }) {
  const { totals } = report;
  const count = (name: string) => totals[name] ?? 0;
  const tiles: [name: string, value: string, bad: boolean][] = [
    ["Nodes that answer", `${formatCount(count("nodesReachable"))} of ${formatCount(count("nodes"))}`, count("nodesReachable") < count("nodes")],
    ["Shards", formatCount(count("shards")), false],
    ["Without majority", formatCount(count("shardsWithoutMajority")), count("shardsWithoutMajority") > 0],
    ["With a missing replica", formatCount(count("shardsWithMissing")), count("shardsWithMissing") > 0],
    ["In change", formatCount(count("shardsInChange")), false],
    ["Windows that differ", formatCount(count("divergence")), count("divergence") > 0],
    ["Hints", formatCount(count("hints")), count("hints") > 0],
    ["Replicas", formatCount(report.replicas), false],
    ["Placement version", formatCount(report.placementVersion), false],
  ];
  return (
    <>
      {count("shardsWithoutMajority") > 0 && (
        <Notice kind="error">Reads and writes of some series fail: no majority answers for {formatCount(count("shardsWithoutMajority"))} of the shards.</Notice>
      )}
      <dl class="tiles">
        {tiles.map(([name, value, bad]) => (
          <div class={bad ? "bad" : ""}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <h2>Nodes</h2>
      <Table
        label="Nodes"
        head={["Node", "State", "Group", ["Available", "number"], ["Coming", "number"], ["Leaving", "number"], "Differs from", "Hints for", "Copies", ["Write queue", "number"], "Circuit", ["Rounds", "number"]]}
      >
        {report.nodes.map((node) => (
          <Node key={node.id} node={node} />
        ))}
      </Table>
      <Shards shards={report.shards} />
    </>
  );
}

function byNode(counts: Record<string, number>): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([node, count]) => `${node}: ${formatCount(count)}`)
    .join(", ");
}

function Node({ node }: { node: ClusterNode }) {
  const { shards, moves, writeQueue, circuits } = node;
  const copied = moves.reduce((sum, move) => sum + move.copiedSamples, 0);
  const open = [circuits?.writes, circuits?.calls].filter((state) => state !== undefined && state !== "" && state !== "closed");
  return (
    <tr>
      <td>
        <b>{node.id}</b>
        <div class="note">{node.endpoint}</div>
      </td>
      <td>
        {node.reachable ? <span class="badge good">answers</span> : <span class="badge bad">unreachable</span>}
        {node.leaving && <span class="badge warn">leaving</span>}
        {node.error !== null && node.error !== undefined && <div class="bad small">{node.error}</div>}
      </td>
      <td class="when">{node.isolationGroup}</td>
      <td class="number">{formatCount(shards.available)}</td>
      <td class="number">{formatCount(shards.initializing)}</td>
      <td class="number">{formatCount(shards.leaving)}</td>
      <td>{byNode(node.divergence)}</td>
      <td>{byNode(node.hints)}</td>
      <td>{moves.length === 0 ? "" : `${moves.length} shards, ${formatCount(copied)} samples`}</td>
      <td class="number">{writeQueue == null ? "" : `${formatCount(writeQueue.requests)} (${formatBytes(writeQueue.bytes)})`}</td>
      <td>{open.length === 0 ? "closed" : <span class="badge warn">{open.join(", ")}</span>}</td>
      <td class="number">{formatCount(node.rounds)}</td>
    </tr>
  );
}

function Shards({ shards }: { shards: ClusterShard[] }) {
  const [chosen, setChosen] = useState<number | null>(null);
  const shard = shards.find(({ id }) => id === chosen) ?? null;
  const present = Object.keys(STATES).filter((state) => shards.some((one) => shardState(one) === state)) as ShardState[];
  return (
    <>
      <h2>Shards</h2>
      <p class="key">
        {present.map((state) => (
          <span>
            <span class={`cell ${state}`} aria-hidden="true" /> {STATES[state]}
          </span>
        ))}
      </p>
      <div class="grid" role="group" aria-label="Shards">
        {shards.map((one) => {
          const state = shardState(one);
          return (
            <button
              key={one.id}
              class={`cell ${state}`}
              aria-label={`Shard ${one.id}: ${STATES[state]}`}
              aria-pressed={one.id === chosen}
              title={`${one.id}: ${STATES[state]}\n${one.members.map((member) => `${member.node} ${member.state}`).join("\n")}`}
              onClick={() => setChosen(one.id === chosen ? null : one.id)}
            />
          );
        })}
      </div>
      <div class="chosen-shard" aria-live="polite">
        {shard === null ? (
          <p class="note">Choose a shard to see its nodes.</p>
        ) : (
          <>
            <h3>
              Shard {shard.id}: {STATES[shardState(shard)]} <span class="note">epoch {shard.epoch}</span>
            </h3>
            <Table label={`Nodes of shard ${shard.id}`} head={["Node", "State", "Takes the place of", "Missing"]}>
              {shard.members.map((member) => (
                <tr>
                  <td>{member.node}</td>
                  <td>{member.state}</td>
                  <td>{member.source ?? ""}</td>
                  <td>{shard.missing.includes(member.node) ? <span class="badge bad">missing</span> : ""}</td>
                </tr>
              ))}
            </Table>
          </>
        )}
      </div>
    </>
  );
}
