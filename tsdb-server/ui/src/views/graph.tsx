// Lines over time.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { type Line, shortNames, stack } from "../lines";
import { formatAxis, formatShort } from "../number";
import { formatTime } from "../range";
import { lineColors } from "../theme";

/** More lines than this are drawn and named only when asked for: they take seconds and tell nothing. */
const LINES_MAX = 250;
const LEGEND_MAX = 100;

interface Props {
  times: number[];
  lines: Line[];
  stacked: boolean;
  dark: boolean;
  utc: boolean;
  onZoom: (start: number, end: number) => void;
}

export function Graph({ times, lines: all, stacked, dark, utc, onZoom }: Props) {
  const [everything, setEverything] = useState(false);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const lines = useMemo(() => (everything ? all : all.slice(0, LINES_MAX)), [all, everything]);
  const shown = lines.map((line) => !hidden.has(nameOf(line)));
  const colors = lineColors(dark);
  const color = (at: number) => colors[at % colors.length] ?? "#888";
  const legend = useMemo(() => shortNames(lines), [lines]);

  // A click hides a line, or shows it again; with a key held it is left alone. Two clicks undo each other, and leave it alone too.
  const toggle = (at: number, only: boolean) => {
    const name = nameOf(lines[at] as Line);
    const others = lines.map(nameOf).filter((other) => other !== name);
    setHidden((before) => {
      if (only) {
        return others.every((other) => before.has(other)) ? new Set() : new Set(others);
      }
      const after = new Set(before);
      return after.delete(name) ? after : after.add(name);
    });
  };

  return (
    <div class="graph">
      <Canvas {...{ times, lines, shown, stacked, dark, utc, onZoom, legend, color }} />
      {all.length > lines.length && (
        <p class="note">
          {lines.length} of {all.length} series are drawn. <button class="link" onClick={() => setEverything(true)}>Draw all</button>
        </p>
      )}
      <ul class="legend" aria-label="Series: click to hide or show, double-click for one alone">
        {lines.slice(0, everything ? Infinity : LEGEND_MAX).map((line, at) => (
          <li key={nameOf(line)}>
            <button
              aria-pressed={shown[at] === true}
              title={`${line.name}\nclick: hide or show; Ctrl+click or double-click: this one alone`}
              onClick={(event) => toggle(at, event.ctrlKey || event.metaKey || event.altKey)}
              onDblClick={() => toggle(at, true)}
            >
              <span class="swatch" style={{ background: color(at) }} />
              {line.panel !== "" && <b>{line.panel}</b>}
              <span>{legend[at]}</span>
            </button>
          </li>
        ))}
        {!everything && lines.length > LEGEND_MAX && <li class="note">and {lines.length - LEGEND_MAX} more</li>}
      </ul>
    </div>
  );
}

function nameOf(line: Line): string {
  return `${line.panel} ${line.name}`;
}

interface CanvasProps extends Omit<Props, "lines"> {
  lines: Line[];
  shown: boolean[];
  legend: string[];
  color: (at: number) => string;
}

function Canvas(props: CanvasProps) {
  const { times, lines, shown, stacked, dark, utc } = props;
  const host = useRef<HTMLDivElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;

  useEffect(() => {
    const box = host.current;
    if (box === null) {
      return undefined;
    }
    const made = new uPlot(options(box, latest, tip), columns(times, lines, shown, stacked), box);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: box.clientWidth, height: box.clientHeight }));
    observer.observe(box);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
      tip.current?.setAttribute("hidden", "");
    };
  }, [times, lines, stacked, dark, utc]);

  useEffect(() => {
    const made = plot.current;
    if (made !== null) {
      // Stacked lines stand on those that are shown, so all may change.
      made.batch(() => {
        made.setData(columns(times, lines, shown, stacked));
        shown.forEach((show, at) => made.setSeries(at + 1, { show }));
      });
    }
  }, [shown.join()]);

  return (
    <div class="canvas" role="img" aria-label={`Graph of ${lines.length} series`} data-series={lines.length} ref={host}>
      <div class="tip" ref={tip} hidden />
    </div>
  );
}

function columns(times: number[], lines: Line[], shown: boolean[], stacked: boolean): uPlot.AlignedData {
  const values = lines.map((line) => line.values);
  if (!stacked) {
    return [times, ...values];
  }
  const on = stack(values.filter((_, at) => shown[at]));
  let next = 0;
  return [times, ...values.map((own, at) => (shown[at] ? (on[next++] ?? own) : own))];
}

function options(box: HTMLElement, latest: { current: CanvasProps }, tip: { current: HTMLDivElement | null }): uPlot.Options {
  const { lines, shown, stacked, color, utc } = latest.current;
  const style = getComputedStyle(document.documentElement);
  const [text, grid] = [style.getPropertyValue("--muted"), style.getPropertyValue("--grid")];
  const font = "12px system-ui, sans-serif";
  // A value that has none beside it would not be seen as a line.
  const points = (plot: uPlot, at: number) => lonely(plot.data[at] ?? []);
  return {
    width: box.clientWidth,
    height: box.clientHeight,
    tzDate: (seconds) => (utc ? uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : new Date(seconds * 1000)),
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false, setScale: false }, focus: { prox: 1e6 }, points: { size: 7 } },
    focus: { alpha: 1 },
    scales: { y: { range: (_, low, high) => yRange(low, high, stacked) } },
    axes: [
      { stroke: text, font, space: 76, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, values: timeTicks },
      {
        stroke: text,
        font,
        size: 58,
        grid: { stroke: grid, width: 1 },
        ticks: { stroke: grid, width: 1 },
        values: (_, splits) => splits.map((value) => formatAxis(value, Math.abs((splits[1] ?? 1) - (splits[0] ?? 0)) || 1)),
      },
    ],
    series: [
      {},
      ...lines.map((_, at) => ({
        show: shown[at] ?? true,
        stroke: color(at),
        width: stacked ? 1 : 1.5,
        fill: stacked ? `${color(at)}55` : undefined,
        points: { show: true, filter: points, size: 4, fill: color(at) },
      })) as uPlot.Series[],
    ],
    bands: stacked ? lines.slice(1).map((_, at) => ({ series: [at + 2, at + 1] as [number, number] })) : [],
    hooks: {
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width >= 5) {
            latest.current.onZoom(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
            plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          }
        },
      ],
      setCursor: [(plot) => tip.current !== null && showTip(plot, tip.current, latest.current)],
    },
  };
}

const timeTicks: uPlot.Axis.DynamicValues | (string | number | null)[][] = [
  [86_400 * 28, "{YYYY}-{MM}", null, null, null, null, null, null, 1],
  [86_400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [0.001, "{mm}:{ss}.{fff}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
];

/** The whole of the values with a little room; a flat line in the middle. */
function yRange(low: number | null, high: number | null, stacked: boolean): [number, number] {
  if (low === null || high === null) {
    return [0, 1];
  }
  const bottom = stacked ? Math.min(0, low) : low;
  const width = high - bottom;
  if (width <= Math.abs(high) * 1e-12) {
    const room = Math.abs(high) * 0.1 || 1;
    return [bottom - room, high + room];
  }
  // Values above nothing stand on the axis.
  const floor = bottom >= 0 && bottom - width * 0.05 < 0 ? 0 : bottom - width * 0.05;
  return [bottom === 0 ? 0 : floor, high + width * 0.05];
}

function lonely(values: ArrayLike<number | null | undefined>): number[] {
  const found: number[] = [];
  for (let at = 0; at < values.length; at += 1) {
    if (values[at] != null && values[at - 1] == null && values[at + 1] == null) {
      found.push(at);
    }
  }
  return found;
}

/** Shows time, value and name of the line next to the pointer. */
function showTip(plot: uPlot, tip: HTMLDivElement, { lines, shown, times, utc, color }: CanvasProps): void {
  const { idx, left = -1, top = -1 } = plot.cursor;
  const near = idx == null || left < 0 ? null : nearest(plot, idx, top, shown);
  if (idx == null || near === null) {
    tip.hidden = true;
    return;
  }
  const line = lines[near] as Line;
  const swatch = document.createElement("span");
  swatch.className = "swatch";
  swatch.style.background = color(near);
  const value = document.createElement("b");
  value.textContent = String(line.values[idx]);
  const short = formatShort(line.values[idx] ?? NaN);
  const time = document.createElement("div");
  time.className = "when";
  time.textContent = formatTime(times[idx] ?? 0, utc) + (utc ? " UTC" : "");
  const name = document.createElement("div");
  name.className = "name";
  name.textContent = (line.panel === "" ? "" : `${line.panel}  `) + line.name;
  tip.replaceChildren(time, swatch, value, ...(/[kMGTP]$/.test(short) ? [` (${short})`] : []), name);
  tip.hidden = false;
  const x = plot.bbox.left / devicePixelRatio + left;
  const [width, room] = [tip.offsetWidth, plot.width];
  tip.style.left = `${Math.max(0, Math.min(room - width, x + 14 + width > room ? x - width - 14 : x + 14))}px`;
  tip.style.top = `${Math.max(0, Math.min(plot.height - tip.offsetHeight, top + 12))}px`;
}

function nearest(plot: uPlot, idx: number, top: number, shown: boolean[]): number | null {
  let best: { at: number; distance: number } | null = null;
  for (let at = 0; at < shown.length; at += 1) {
    const value = plot.data[at + 1]?.[idx];
    if (shown[at] && value != null) {
      const distance = Math.abs(plot.valToPos(value, "y") - top);
      best = best === null || distance < best.distance ? { at, distance } : best;
    }
  }
  return best?.at ?? null;
}
