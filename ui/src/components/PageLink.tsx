import { Link } from "@chakra-ui/react";
import type { MouseEvent, ReactNode } from "react";

import { buildUrl, openPage } from "../navigation";

/** A link to one of Airflow's pages, which opens in the parent window. */
export function PageLink({ page, children, label }: { page: string; children: ReactNode; label?: string }) {
  function follow(event: MouseEvent) {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    openPage(page);
  }
  return (
    <Link href={buildUrl(page)} target="_top" onClick={follow} aria-label={label} color="fg.info">
      {children}
    </Link>
  );
}
