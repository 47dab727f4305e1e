import { Text } from "@chakra-ui/react";
import { useState } from "react";

import type { Facet } from "../overview/model";
import { findExplanation, interpret, notation } from "../overview/interpretations";
import { decimal, displayName, shorten } from "../overview/text";
import { Chooser } from "./Chooser";
import { Sentence } from "./DataText";

/** The question of each metric, with the interpretation of its value for one facet value. */
export function Metrics({ facet, weighted }: { facet: Facet; weighted: boolean }) {
  const [rank, setRank] = useState(0);
  const row = facet.rows[rank];
  return (
    <section>
      <div className="with-choice">
        <Text as="h3" fontWeight="semibold">
          What each metric measures, and its value here
        </Text>
        {facet.rows.length > 1 ? (
          <Chooser
            label="Value whose metrics are explained"
            value={String(rank)}
            options={facet.rows.map((one) => String(one.rank))}
            formatOption={(one) => shorten(displayName(facet.values[Number(one)] ?? ""), 40)}
            choose={(one) => setRank(Number(one))}
            width="14rem"
          />
        ) : null}
      </div>
      <dl className="metrics">
        {facet.metrics.map((metric) => {
          const known = findExplanation(metric);
          const value = row?.cells.get(metric)?.value ?? null;
          return (
            <div key={metric}>
              <dt>
                <strong>{metric}</strong> {known?.title}
              </dt>
              <dd>
                {known?.question}{" "}
                {row && value !== null ? (
                  <span className="reading">
                    {decimal(value)}: <Sentence parts={interpret(metric, { column: facet.column, row, value, weighted })} />.
                  </span>
                ) : row ? (
                  <span className="reading">{row.hidden ? "Its value is hidden." : "It has no value here."}</span>
                ) : null}
                {known ? <span className="formula">{known.formula}</span> : null}
              </dd>
            </div>
          );
        })}
      </dl>
      <Text fontSize="xs" color="fg.muted" mt={2}>
        {notation(facet.metrics)}
      </Text>
    </section>
  );
}
