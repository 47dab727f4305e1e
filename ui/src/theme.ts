/** The parts of Chakra UI that the page uses. Airflow uses Chakra UI too; see colour.ts for its own colours. */

import { createSystem, defineConfig } from "@chakra-ui/react";
import { defaultBaseConfig } from "@chakra-ui/react/preset-base";
import {
  alertSlotRecipe,
  animationStyles,
  badgeRecipe,
  breakpoints,
  buttonRecipe,
  globalCss,
  headingRecipe,
  inputRecipe,
  keyframes,
  layerStyles,
  linkRecipe,
  nativeSelectSlotRecipe,
  semanticTokens,
  skeletonRecipe,
  textStyles,
  tokens,
} from "@chakra-ui/react/theme";

const palette = (colour: string) => ({
  solid: { value: `{colors.${colour}.solid}` },
  contrast: { value: `{colors.${colour}.contrast}` },
  fg: { value: `{colors.${colour}.fg}` },
  muted: { value: `{colors.${colour}.muted}` },
  subtle: { value: `{colors.${colour}.subtle}` },
  emphasized: { value: `{colors.${colour}.emphasized}` },
  focusRing: { value: `{colors.${colour}.focusRing}` },
});

export const system = createSystem(
  defaultBaseConfig,
  defineConfig({
    preflight: true,
    cssVarsPrefix: "chakra",
    cssVarsRoot: ":where(html, .chakra-theme)",
    globalCss,
    theme: {
      breakpoints,
      keyframes,
      tokens,
      semanticTokens: {
        ...semanticTokens,
        // Airflow defines these as well, with its own colours.
        colors: { ...semanticTokens.colors, brand: palette("blue"), success: palette("green"), failed: palette("red") },
      },
      textStyles,
      layerStyles,
      animationStyles,
      recipes: {
        badge: badgeRecipe,
        button: buttonRecipe,
        heading: headingRecipe,
        input: inputRecipe,
        link: linkRecipe,
        skeleton: skeletonRecipe,
      },
      slotRecipes: { alert: alertSlotRecipe, nativeSelect: nativeSelectSlotRecipe },
    },
  }),
);
