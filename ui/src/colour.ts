/** Applies Airflow's colours and its light or dark mode to this page, which has the same origin. */

type Mode = "light" | "dark";

/** Local storage key of the mode that the user has chosen in Airflow: "light", "dark" or "system". */
const STORED_AS = "theme";

/** The colours that the page uses. A custom Airflow theme redefines them, and the page adopts its values. */
const PALETTES = ["gray", "brand", "red", "orange", "green", "blue", "success", "failed"];
const SHADES = ["solid", "contrast", "fg", "muted", "subtle", "emphasized", "focusRing"];
const SURFACES = ["bg", "bg-subtle", "bg-muted", "bg-emphasized", "bg-panel", "fg", "fg-muted", "fg-subtle", "border", "fg-info"];
const MORE = ["border-subtle", "border-emphasized"];
const NAMES = [
  ...[...SURFACES, ...MORE].map((name) => `--chakra-colors-${name}`),
  ...PALETTES.flatMap((palette) => SHADES.map((shade) => `--chakra-colors-${palette}-${shade}`)),
  "--chakra-fonts-body",
  "--chakra-fonts-heading",
];

/** Returns Airflow's document around this page; null if the page was opened on its own. */
function getAirflowDocument(): Document | null {
  try {
    return window.parent === window ? null : window.parent.document;
  } catch {
    return null;
  }
}

function getMode(): Mode {
  const classes = getAirflowDocument()?.documentElement.classList;
  if (classes?.contains("dark")) return "dark";
  if (classes?.contains("light")) return "light";
  const stored = readStoredMode();
  if (stored === "light" || stored === "dark") return stored;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

function readStoredMode(): string | null {
  try {
    return localStorage.getItem(STORED_AS);
  } catch {
    return null;
  }
}

function applyColours(): void {
  const own = document.documentElement;
  const now = getMode();
  own.classList.remove("light", "dark");
  own.classList.add(now);
  own.style.colorScheme = now;
  const airflow = getAirflowDocument();
  if (!airflow) return;
  const theirs = getComputedStyle(airflow.documentElement);
  for (const name of NAMES) {
    const value = theirs.getPropertyValue(name);
    if (value) own.style.setProperty(name, value);
  }
}

/** File names of the plugin's icons, in a dark and in a light colour. */
const ICONS = ["bias-light.svg", "bias-dark.svg"] as const;

/**
 * Gives the plugin's icon in Airflow's navigation the colour of its neighbours.
 *
 * Airflow shows the icon as an image, which does not inherit the colour of the text beside it. Where that is light in a
 * light page, as in the button of the open page, the light icon is used. The returned function restores the icons.
 */
function matchIcons(airflow: Document): () => void {
  const icons = [...airflow.querySelectorAll<HTMLImageElement>(`nav img[src*="${ICONS[0]}"], a img[src*="${ICONS[0]}"]`)];
  const changed = icons.filter((icon) => isLight(getComputedStyle(icon.closest("a, button") ?? icon).color));
  for (const icon of changed) icon.src = icon.src.replace(ICONS[0], ICONS[1]);
  return () => {
    for (const icon of changed) icon.src = icon.src.replace(ICONS[1], ICONS[0]);
  };
}

/** Returns whether a computed colour is closer to white than to black. */
export function isLight(colour: string): boolean {
  const numbers = (/\(([^)]*)\)/.exec(colour)?.[1] ?? "").match(/[\d.]+/g)?.map(Number) ?? [];
  const [first = 0, second = 0, third = 0] = numbers;
  if (colour.startsWith("rgb")) return 0.2126 * first + 0.7152 * second + 0.0722 * third > 160;
  if (colour.startsWith("ok")) return first > 0.7;
  return false;
}

/** Applies Airflow's colours now, and whenever they change. */
export function followAirflow(): void {
  applyColours();
  const airflow = getAirflowDocument();
  if (airflow) {
    const watch = new MutationObserver(applyColours);
    let restoreIcons = matchIcons(airflow);
    // Airflow colours the button after this page has been opened.
    const later = setTimeout(() => {
      restoreIcons();
      restoreIcons = matchIcons(airflow);
    }, 500);
    window.addEventListener("pagehide", () => {
      clearTimeout(later);
      restoreIcons();
    });
    watch.observe(airflow.documentElement, { attributes: true, attributeFilter: ["class", "style", "data-theme"] });
  }
  window.addEventListener("storage", (event) => event.key === STORED_AS && applyColours());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", applyColours);
}
