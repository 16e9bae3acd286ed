// The frame of the page: which view the address names, light or dark, keys.

import { useEffect, useState } from "preact/hooks";
import { splitHash, type ViewName } from "./link";
import { applyTheme, nextTheme, storedTheme, systemDark } from "./theme";
import { Cardinality } from "./views/cardinality";
import { Cluster } from "./views/cluster";
import { focusEditor } from "./views/editor";
import { Keys } from "./views/keys";
import { Queries } from "./views/queries";
import { Query } from "./views/query";
import { Status } from "./views/status";

const VIEWS: [view: ViewName, name: string][] = [
  ["query", "Query"],
  ["queries", "Queries"],
  ["cardinality", "Cardinality"],
  ["cluster", "Cluster"],
  ["status", "Status"],
];

const THEME_NAMES = { system: "as the system", light: "light", dark: "dark" };

export function App() {
  const [address, setAddress] = useState(() => splitHash(location.hash));
  const [theme, setTheme] = useState(storedTheme);
  const [dark, setDark] = useState(() => applyTheme(theme));
  const [keys, setKeys] = useState(false);
  const { view, parameters } = address;

  useEffect(() => {
    const read = () => setAddress(splitHash(location.hash));
    addEventListener("hashchange", read);
    addEventListener("popstate", read);
    return () => {
      removeEventListener("hashchange", read);
      removeEventListener("popstate", read);
    };
  }, []);

  useEffect(() => {
    const follow = () => setDark(applyTheme(theme));
    follow();
    const system = systemDark();
    system.addEventListener("change", follow);
    return () => system.removeEventListener("change", follow);
  }, [theme]);

  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const target = event.composedPath()[0];
      const typing = target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName));
      if (typing || event.ctrlKey || event.metaKey || event.altKey) {
        return;
      }
      if (event.key === "/" && view === "query") {
        event.preventDefault();
        focusEditor();
      } else if (event.key === "?") {
        setKeys(true);
      }
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [view]);

  useEffect(() => {
    document.title = `${VIEWS.find(([name]) => name === view)?.[1] ?? "Query"} - tsdb-server`;
  }, [view]);

  return (
    <>
      <header>
        <a class="brand" href="#/query">
          tsdb
        </a>
        <nav aria-label="Views">
          {VIEWS.map(([name, text]) => (
            <a href={`#/${name}`} aria-current={name === view ? "page" : undefined}>
              {text}
            </a>
          ))}
        </nav>
        <div class="tools">
          <button aria-label={`Colours: ${THEME_NAMES[theme]}`} title={`Colours: ${THEME_NAMES[theme]}`} onClick={() => setTheme(nextTheme(theme))}>
            {theme === "system" ? "\u25d0" : theme === "light" ? "\u2600" : "\u263e"}
          </button>
          <button aria-label="Keys" title="Keys (?)" onClick={() => setKeys(true)}>
            ?
          </button>
        </div>
      </header>
      <main>
        {view === "query" && <Query parameters={parameters} dark={dark} />}
        {view === "queries" && <Queries />}
        {view === "cardinality" && <Cardinality parameters={parameters} />}
        {view === "cluster" && <Cluster />}
        {view === "status" && <Status />}
      </main>
      {keys && <Keys onClose={() => setKeys(false)} />}
    </>
  );
}
