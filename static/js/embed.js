/* The preview shows how a widget would look, before it is saved. */

const form = document.getElementById("appearance");
const preview = document.getElementById("preview");
const LOOKS = ["theme", "color", "position", "language"];

if (form && preview) {
  form.addEventListener("change", (event) => {
    if (!LOOKS.includes(event.target.name)) return;
    const address = new URL(preview.src);
    for (const name of LOOKS) address.searchParams.set(name, form.elements[name].value);
    preview.src = address.href;
  });
}
