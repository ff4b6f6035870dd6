
const box = document.getElementById("filter");
const rows = [...document.querySelectorAll("#findings-table > tbody > tr")];
const apply = () => {
  const words = box.value.toLowerCase().split(/\s+/);
  for (const row of rows) {
    const text = (row.dataset.key + " " + row.textContent).toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
  document.getElementById("shown").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} shown`;
};
if (box) {
  box.addEventListener("input", apply);
  document.querySelectorAll("a[data-query]").forEach((link) =>
    link.addEventListener("click", () => { box.value = link.dataset.query; apply(); }));
  document.getElementById("tools").hidden = false;
}
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));

