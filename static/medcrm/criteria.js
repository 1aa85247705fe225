/* A rule's criteria as selects instead of JSON. Works on the textarea that holds them and leaves it alone on failure. */
(() => {
  "use strict";
  const NO_VALUE = ["known", "unknown"];
  const MANY = ["in", "not_in"];

  const element = (tag, attributes = {}, children = []) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value !== null) node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  };

  const select = (options, value, label, onchange, multiple = false) =>
    element(
      "select",
      { class: "mc-input", "aria-label": label, onchange, multiple, size: multiple ? Math.min(6, options.length) : null },
      options.map(([code, text]) => {
        const chosen = multiple ? (value || []).includes(code) : value === code;
        const option = element("option", { value: code }, [text]);
        option.selected = chosen;
        return option;
      }),
    );

  class Builder {
    constructor(textarea, catalogue) {
      this.textarea = textarea;
      this.words = catalogue.words;
      this.facts = new Map(catalogue.facts.map((fact) => [fact.name, fact]));
      this.groups = JSON.parse(textarea.value || "[]");
      this.root = element("div", { class: "mc-criteria" });
      textarea.after(this.root);
      textarea.hidden = true;
      this.draw();
    }

    save() {
      this.textarea.value = JSON.stringify(this.groups.filter((group) => group.length), null, 1);
      this.textarea.dispatchEvent(new Event("change", { bubbles: true }));
    }

    change(action, focus) {
      action();
      this.save();
      this.draw();
      const next = focus && this.root.querySelector(focus);
      if (next) next.focus();
    }

    fresh() {
      return { fact: this.facts.keys().next().value, op: "known" };
    }

    draw() {
      const parts = this.groups.map((group, index) => this.group(group, index));
      if (!parts.length) parts.push(element("p", { class: "mc-quiet" }, ["Always: no condition."]));
      parts.push(
        element(
          "button",
          {
            type: "button",
            class: "mc-button mc-add-group",
            onclick: () => this.change(() => this.groups.push([this.fresh()]), ".mc-group:last-of-type select"),
          },
          [this.groups.length ? "Or: another group" : "Add a condition"],
        ),
      );
      this.root.replaceChildren(...parts);
    }

    group(group, index) {
      const lines = group.map((term, line) => this.term(group, term, line, index));
      const add = element(
        "button",
        { type: "button", class: "mc-button", onclick: () => this.change(() => group.push(this.fresh())) },
        ["And: another condition"],
      );
      const legend = index ? "or all of" : "All of";
      return element("fieldset", { class: "mc-group" }, [element("legend", {}, [legend]), ...lines, add]);
    }

    term(group, term, line, index) {
      const fact = this.facts.get(term.fact);
      const facts = [...this.facts.values()].map((each) => [each.name, each.label]);
      const parts = [
        select(facts, term.fact, "Fact", (event) =>
          this.change(() => {
            term.fact = event.target.value;
            term.op = this.facts.get(term.fact).operators[0];
            this.reset(term);
          }),
        ),
      ];
      if (fact) {
        const operators = fact.operators.map((code) => [code, this.words[code]]);
        parts.push(
          select(operators, term.op, "Comparison", (event) =>
            this.change(() => {
              term.op = event.target.value;
              this.reset(term);
            }),
          ),
        );
        if (!NO_VALUE.includes(term.op)) parts.push(this.value(fact, term));
      }
      parts.push(
        element(
          "button",
          {
            type: "button",
            class: "mc-icon-button",
            "aria-label": "Remove this condition",
            onclick: () =>
              this.change(() => {
                group.splice(line, 1);
                if (!group.length) this.groups.splice(index, 1);
              }, ".mc-add-group"),
          },
          [element("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, ["close"])],
        ),
      );
      return element("div", { class: "mc-term" }, parts);
    }

    reset(term) {
      const fact = this.facts.get(term.fact);
      const first = fact.choices.length ? fact.choices[0][0] : "";
      if (NO_VALUE.includes(term.op)) delete term.value;
      else if (fact.kind === "yes_no") term.value = true;
      else if (fact.kind === "number") term.value = 0;
      else term.value = MANY.includes(term.op) ? [first].filter(Boolean) : first;
    }

    value(fact, term) {
      const set = (value) => {
        term.value = value;
        this.save();
      };
      if (fact.kind === "yes_no")
        return select([["true", "yes"], ["false", "no"]], String(term.value), "Value", (event) =>
          set(event.target.value === "true"),
        );
      if (fact.kind === "number")
        return element("input", {
          type: "number", step: "any", class: "mc-input", value: term.value, "aria-label": "Value",
          onchange: (event) => set(Number(event.target.value)),
        });
      const many = MANY.includes(term.op);
      if (fact.choices.length)
        return select(fact.choices, term.value, many ? "Values; hold Ctrl for several" : "Value", (event) =>
          set(many ? [...event.target.selectedOptions].map((option) => option.value) : event.target.value), many);
      return element("input", {
        type: "text", class: "mc-input", value: many ? (term.value || []).join(", ") : term.value ?? "",
        "aria-label": many ? "Values, separated by commas" : "Value",
        onchange: (event) =>
          set(many ? event.target.value.split(",").map((part) => part.trim()).filter(Boolean) : event.target.value.trim()),
      });
    }
  }

  document.addEventListener("DOMContentLoaded", async () => {
    const areas = [...document.querySelectorAll("textarea[data-criteria-facts]")];
    if (!areas.length) return;
    const response = await fetch(areas[0].dataset.criteriaFacts, { headers: { Accept: "application/json" } });
    if (!response.ok) return;
    const catalogue = await response.json();
    for (const area of areas) {
      try {
        new Builder(area, catalogue);
      } catch {
        area.hidden = false; // unreadable JSON stays in the textarea, with the server's message
      }
    }
  });
})();
