// The editor of an expression: completion and linting know the server's series.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, completionStatus } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from "@codemirror/commands";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, linter, lintKeymap } from "@codemirror/lint";
import { EditorState, Prec, StateEffect, StateField } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { PromQLExtension } from "@prometheus-io/codemirror-promql";
import { useEffect, useRef } from "preact/hooks";
import { base } from "../api";
import type { Place } from "../parse_error";

/** Names of series and labels are asked for once for all editors. */
const promql = new PromQLExtension().setComplete({
  remote: { url: base(), lookbackInterval: 12 * 3_600_000, httpErrorHandler: () => undefined },
});

const setPlace = StateEffect.define<Place | null>();

/** What the server found wrong, until the text changes. */
const serverPlace = StateField.define<Place | null>({
  create: () => null,
  update(value, transaction) {
    const told = transaction.effects.find((effect) => effect.is(setPlace));
    return told !== undefined ? (told.value as Place | null) : transaction.docChanged ? null : value;
  },
});

const serverLinter = linter(
  (view): Diagnostic[] => {
    const place = view.state.field(serverPlace);
    const size = view.state.doc.length;
    return place === null || size === 0
      ? []
      : [{ from: Math.min(place.from, size - 1), to: Math.min(place.to, size), severity: "error", source: "server", message: place.message }];
  },
  {
    delay: 0,
    needsRefresh: (update) => update.transactions.some((one) => one.effects.some((effect) => effect.is(setPlace))),
  },
);

const colors = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword], color: "var(--syntax-keyword)" },
  { tag: [tags.function(tags.variableName), tags.special(tags.variableName)], color: "var(--syntax-function)" },
  { tag: tags.labelName, color: "var(--syntax-label)" },
  { tag: tags.string, color: "var(--syntax-string)" },
  { tag: tags.number, color: "var(--syntax-number)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: tags.invalid, color: "var(--error)" },
]);

const wavy = (color: string) => ({ backgroundImage: "none", textDecoration: `underline wavy ${color} 1.5px`, textUnderlineOffset: "3px" });

// Pictures within style sheets are not loaded under the server's policy, so marks are drawn with text decoration.
const look = EditorView.theme({
  "&": { fontSize: "14px", color: "var(--text)", backgroundColor: "transparent" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5", maxHeight: "40vh" },
  ".cm-content": { padding: "8px 10px", caretColor: "var(--text)" },
  ".cm-line": { padding: "0" },
  ".cm-placeholder": { color: "var(--muted)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--accent-soft)" },
  ".cm-lintRange-error": wavy("var(--error)"),
  ".cm-lintRange-warning": wavy("var(--warning)"),
  ".cm-lintRange-info": wavy("var(--accent)"),
  ".cm-lintRange-active": { backgroundColor: "var(--error-soft)" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--text)", border: "1px solid var(--border)", borderRadius: "6px", boxShadow: "var(--shadow)", maxWidth: "min(520px, 90vw)", zIndex: "30" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "13px", maxHeight: "300px", maxWidth: "min(520px, 88vw)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 8px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-tooltip-autocomplete ul li[aria-selected] .cm-completionDetail": { color: "inherit" },
  ".cm-completionIcon": { display: "none" },
  ".cm-completionDetail": { color: "var(--muted)", fontStyle: "normal", marginLeft: "12px" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700" },
  ".cm-completionInfo": { padding: "6px 10px", maxWidth: "300px", fontFamily: "var(--sans)", fontSize: "13px" },
  ".cm-diagnostic": { padding: "6px 10px", fontFamily: "var(--sans)", fontSize: "13px" },
  ".cm-diagnostic-error": { borderLeft: "4px solid var(--error)" },
  ".cm-diagnosticSource": { color: "var(--muted)", fontSize: "12px" },
  // There it would lie on the choices.
  "@media (max-width: 640px)": { ".cm-tooltip.cm-completionInfo": { display: "none" } },
});

interface Props {
  label: string;
  /** A text to begin with, or to begin anew with: each is put in once, and what is typed is never overwritten. */
  given: { text: string };
  place: Place | null;
  onChange: (text: string) => void;
  onRun: (text: string) => void;
}

export function Editor({ label, given, place, onChange, onRun }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const calls = useRef({ onChange, onRun });
  calls.current = { onChange, onRun };

  useEffect(() => {
    if (host.current === null) {
      return undefined;
    }
    // Within a shadow root the editor adopts its style sheets; elsewhere it would write <style>, which the policy forbids.
    const root = host.current.shadowRoot ?? host.current.attachShadow({ mode: "open" });
    const run = (editing: EditorView) => {
      calls.current.onRun(editing.state.doc.toString());
      return true;
    };
    const editor = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: given.text,
        extensions: [
          Prec.highest(
            keymap.of([
              { key: "Mod-Enter", run },
              { key: "Shift-Enter", run: insertNewlineAndIndent },
            ]),
          ),
          // A popup of completion takes Enter first.
          keymap.of(completionKeymap),
          Prec.high(keymap.of([{ key: "Enter", run: (editing) => (completionStatus(editing.state) === "active" ? false : run(editing)) }])),
          keymap.of([
            { key: "Escape", run: (editing) => (editing.contentDOM.blur(), true) },
            ...closeBracketsKeymap,
            ...defaultKeymap,
            ...historyKeymap,
            ...lintKeymap,
          ]),
          history(),
          bracketMatching(),
          closeBrackets(),
          autocompletion({ icons: false }),
          EditorView.lineWrapping,
          placeholder("Expression, such as rate(http_requests_total[5m])"),
          EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false", autocapitalize: "off", autocorrect: "off" }),
          EditorView.updateListener.of((update) => update.docChanged && calls.current.onChange(update.state.doc.toString())),
          promql.asExtension(),
          serverPlace,
          serverLinter,
          syntaxHighlighting(colors),
          look,
        ],
      }),
    });
    view.current = editor;
    return () => editor.destroy();
  }, []);

  useEffect(() => {
    const editor = view.current;
    if (editor !== null && editor.state.doc.toString() !== given.text) {
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: given.text } });
    }
  }, [given]);

  useEffect(() => view.current?.dispatch({ effects: setPlace.of(place) }), [place]);

  return <div class="editor" ref={host} data-editor={label} />;
}

/** Puts the caret into an editor, the first where none is told. */
export function focusEditor(at = 0): void {
  const host = document.querySelectorAll<HTMLElement>(".editor")[at];
  host?.shadowRoot?.querySelector<HTMLElement>(".cm-content")?.focus();
}
