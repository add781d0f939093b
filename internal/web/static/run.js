// A run at work shows how far it is: the server sends the part of the page that
// changes, about once a second. Without this script the page asks again by itself.
"use strict";
(() => {
  const live = document.getElementById("live");
  if (!live || !window.EventSource) return;
  const stream = new EventSource(live.dataset.events);
  stream.addEventListener("live", (event) => { live.innerHTML = event.data; });
  stream.addEventListener("end", () => {
    stream.close();
    location.replace(location.pathname);
  });
})();
