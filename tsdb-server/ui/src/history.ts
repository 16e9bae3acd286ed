// Expressions that were run, the newest first.

import { load, save } from "./storage";

export const HISTORY_MAX = 100;

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === "string");
}

export function history(): string[] {
  return load("history", [], isTexts);
}

/** A history with an expression in its first place and in no other. */
export function withExpression(past: readonly string[], expr: string): string[] {
  const text = expr.trim();
  return text === "" ? [...past] : [text, ...past.filter((one) => one !== text)].slice(0, HISTORY_MAX);
}

export function remember(expr: string): void {
  save("history", withExpression(history(), expr));
}

export function forget(): void {
  save("history", []);
}
