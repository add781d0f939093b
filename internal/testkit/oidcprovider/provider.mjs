// An OpenID provider for one test: node provider.mjs <the package> <settings>.
// It says "ready ISSUER" when it listens, and ends with its standard input.
// PUT /control says who signs in next, or that nobody does.
import http from "node:http";

const { default: Provider } = await import(process.argv[2]);
const settings = JSON.parse(process.argv[3]);
const accounts = new Map();
let next = { error: "access_denied" };

const server = http.createServer();
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [{
    client_id: settings.client_id, client_secret: settings.client_secret, redirect_uris: settings.redirect_uris,
    grant_types: ["authorization_code"], response_types: ["code"],
  }],
  claims: {
    openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"],
    profile: ["name", "given_name", "family_name", "preferred_username", "locale", "zoneinfo"],
  },
  scopes: ["openid", "profile", "email", "groups"],
  acrValues: ["mfa"],
  pkce: { required: () => true },
  cookies: { keys: ["for tests alone"] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...accounts.get(id) }) }),
});

async function interact(req, res) {
  const { params } = await provider.interactionDetails(req, res);
  if (next.error) {
    return provider.interactionFinished(req, res, { error: next.error }, { mergeWithLastSubmission: false });
  }
  accounts.set(next.sub, next.claims || {});
  const grant = new provider.Grant({ accountId: next.sub, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const login = { accountId: next.sub, remember: false, ...(next.acr ? { acr: next.acr } : {}) };
  return provider.interactionFinished(req, res, { login, consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: false });
}

const callback = provider.callback();
server.on("request", (req, res) => {
  if (req.url === "/control" && req.method === "PUT") {
    let body = "";
    req.on("data", (part) => { body += part; });
    req.on("end", () => { next = JSON.parse(body); res.writeHead(204).end(); });
  } else if (req.url.startsWith("/interaction/")) {
    interact(req, res).catch((err) => { res.writeHead(500).end(String(err)); });
  } else {
    callback(req, res);
  }
});

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
console.log(`ready ${issuer}`);
