// Light or dark: as the system has it, or as chosen.

import { load, save } from "./storage";

export type Theme = "system" | "light" | "dark";

const THEMES: readonly Theme[] = ["system", "light", "dark"];

export function storedTheme(): Theme {
  return load<Theme>("theme", "system", (value): value is Theme => THEMES.includes(value as Theme));
}

export const systemDark = () => matchMedia("(prefers-color-scheme: dark)");

/** Puts a choice into effect; whether that is dark. */
export function applyTheme(theme: Theme): boolean {
  save("theme", theme);
  const dark = theme === "system" ? systemDark().matches : theme === "dark";
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  return dark;
}

export function nextTheme(theme: Theme): Theme {
  return THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
}

/** The colours of lines, told apart on both grounds and by most who confuse red and green. */
export function lineColors(dark: boolean): string[] {
  return dark
    ? ["#5b9cf5", "#f2a33a", "#4cc38a", "#f0687c", "#b58af0", "#3cc4d8", "#e6d04a", "#f08bc4", "#9ac23c", "#d39a6a", "#8fa5c4", "#7d8cf5"]
    : ["#2563eb", "#d97706", "#15925b", "#d6304a", "#8b3fd9", "#0891a8", "#a58a00", "#c93a8e", "#5f8a10", "#9a5b26", "#5b6f8f", "#4a4fd0"];
}
