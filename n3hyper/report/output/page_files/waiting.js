// Asks until there is something to report, and then loads the page of it.
(function () {
  const status = document.getElementById("following"), wait = 1000 * Number(document.body.dataset.follow);
  async function ask() {
    try {
      const answer = await fetch("data.json", { cache: "no-store" });
      const found = await answer.json();
      if (!found.waiting) return window.location.reload();
      status.textContent = found.waiting;
    } catch {
      status.textContent = "the server does not answer";
    }
    setTimeout(ask, wait);
  }
  setTimeout(ask, wait);
})();
