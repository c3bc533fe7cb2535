// A student's answers: kept in this browser, written below their questions in print, saved as a text.
"use strict";
(function () {
  const root = document.getElementById("questions");
  const fields = [...root.querySelectorAll("[data-keep]")];
  const said = document.getElementById("kept");
  const key = (field) => `tcpexp ${root.dataset.keepAs} ${field.dataset.keep}`;

  /** What the browser keeps under a name; null where it keeps nothing. */
  function kept(field) {
    try {
      return localStorage.getItem(key(field));
    } catch {
      return null;
    }
  }

  /** Keep a field's text, and say whether that was possible. */
  function keep(field) {
    try {
      localStorage.setItem(key(field), field.value);
      said.textContent = "Kept in this browser.";
    } catch {
      said.textContent = "This browser keeps nothing: save your answers before you close the page.";
    }
  }

  /** Make a field as high as its text, and write the text where paper shows it. */
  function show(field) {
    if (field.tagName !== "TEXTAREA") return;
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + 2}px`;
    field.nextElementSibling.textContent = field.value;
  }

  function asText() {
    const head = [document.querySelector("h1").textContent, root.dataset.keepAs];
    const lines = fields.map((field) => {
      const asks = field.tagName === "TEXTAREA" ? field.previousElementSibling.textContent : field.dataset.keep;
      return `${asks}\n${field.value}\n`;
    });
    return [...head, "", ...lines].join("\n");
  }

  const does = {
    print: () => print(),
    save: () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([asText()], { type: "text/plain" }));
      link.download = `${root.dataset.keepAs.replace(/\W+/g, "-")}-answers.txt`;
      link.click();
      URL.revokeObjectURL(link.href);
    },
  };

  for (const field of fields) {
    if (field.tagName === "TEXTAREA") {
      const written = document.createElement("div");
      written.className = "written";
      written.setAttribute("aria-hidden", "true");
      field.after(written);
    }
    field.value = kept(field) ?? field.value;
    show(field);
    field.addEventListener("input", () => {
      keep(field);
      show(field);
    });
  }
  for (const button of root.querySelectorAll("[data-do]")) button.addEventListener("click", does[button.dataset.do]);
})();
