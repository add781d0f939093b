// Does the work that a registration form's challenge asks for while the form is
// filled in: it looks for a number with which the SHA-256 (FIPS 180-4) of the
// challenge begins with as many zero bits as asked. Without this script the form
// works too, and is looked at by a person.
(function () {
  "use strict";
  var form = document.getElementById("register");
  var challenge = form.elements.namedItem("challenge");
  var nonce = form.elements.namedItem("nonce");
  var bits = Number(challenge.getAttribute("data-bits"));
  var text = challenge.value + ":";
  var done = false, waiting = null;

  // The constants are the first bits of the roots of primes.
  var K = [], H = [];
  (function () {
    for (var n = 2; K.length < 64; n++) {
      var prime = true;
      for (var d = 2; d * d <= n; d++) if (n % d === 0) { prime = false; break; }
      if (!prime) continue;
      if (H.length < 8) H.push((Math.pow(n, 1 / 2) % 1) * 4294967296 | 0);
      K.push((Math.pow(n, 1 / 3) % 1) * 4294967296 | 0);
    }
  })();

  var w = new Int32Array(64);

  // first gives the first 32 bits of the hash of an ASCII text.
  function first(message) {
    var blocks = (message.length + 8 >> 6) + 1, h = H.slice();
    for (var b = 0; b < blocks; b++) {
      for (var i = 0; i < 16; i++) {
        var v = 0;
        for (var k = 0; k < 4; k++) {
          var at = b * 64 + i * 4 + k;
          v = v << 8 | (at < message.length ? message.charCodeAt(at) : at === message.length ? 128 : 0);
        }
        w[i] = v;
      }
      if (b === blocks - 1) w[15] = message.length * 8;
      for (i = 16; i < 64; i++) {
        var x = w[i - 15], y = w[i - 2];
        w[i] = w[i - 16] + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3) + w[i - 7] + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10) | 0;
      }
      var s = h.slice();
      for (i = 0; i < 64; i++) {
        var e = s[4], a = s[0];
        var t1 = s[7] + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + (e & s[5] ^ ~e & s[6]) + K[i] + w[i] | 0;
        var t2 = ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & s[1] ^ a & s[2] ^ s[1] & s[2]) | 0;
        s = [t1 + t2 | 0, a, s[1], s[2], s[3] + t1 | 0, e, s[5], s[6]];
      }
      for (i = 0; i < 8; i++) h[i] = h[i] + s[i] | 0;
    }
    return h[0];
  }

  var n = 0;
  function work() {
    for (var end = n + 500; n < end; n++) {
      if (first(text + n) >>> 32 - bits === 0) {
        nonce.value = String(n);
        done = true;
        if (waiting) submit();
        return;
      }
    }
    setTimeout(work, 0);
  }

  function submit() {
    document.getElementById("wait").textContent = "";
    if (form.requestSubmit) form.requestSubmit(waiting); else form.submit();
  }

  form.addEventListener("submit", function (event) {
    var by = event.submitter;
    if (done || by && by.name) return; // a button with a name only chooses a language
    event.preventDefault();
    waiting = by || form.querySelector("button[type=submit]");
    document.getElementById("wait").textContent = form.getAttribute("data-wait");
  });
  setTimeout(work, 0);
})();
