package walls_test

// room is a folder with everything below it that has no row of its own.
type room struct {
	path string
	// may are the folders of this module it may import besides itself; each
	// stands for everything below it.
	may []string
	// why is what a wall here protects.
	why string
}

// rooms are the walls inside the module. Tests may import more: testRooms.
var rooms = []room{
	{"scim", nil,
		"the SCIM protocol stands on its own: it knows no database and no company, and others could use it"},
	{"ent", []string{"internal/registry"},
		"the schema is made of the registry's words and nothing else"},
	{"ent/migrate", []string{"ent", "internal/testkit/postgres"},
		"it compares the schema with what the migrations make of an empty database"},
	{"internal/registry", nil,
		"the nouns and rules are what everything else is built on; they depend on nothing"},
	{"internal/store", []string{"internal/registry", "internal/api", "internal/auth", "internal/onboard", "internal/mail", "internal/web/self", "scim/attr", "scim/filter", "ent/db", "ent/migrations", "internal/webhooks", "internal/signin"},
		"the store is an adapter: it fills the ports that the rooms declare and so knows their words; they never know it"},
	{"internal/source", []string{"internal/registry"},
		"a source is a contract that each protocol fills in below it"},
	{"internal/source/ldap", []string{"internal/registry", "internal/source"},
		"a protocol knows its directory and not what is made of the entries"},
	{"internal/source/upload", []string{"internal/registry", "internal/source"},
		"a file is a directory like another, and no more is known of it"},
	{"internal/source/entra", []string{"internal/registry", "internal/source"},
		"a protocol knows its directory and not what is made of the entries"},
	{"internal/mapping", []string{"internal/registry"},
		"an entry becomes attributes the same way whichever source it came from"},
	{"internal/plan", []string{"internal/registry"},
		"a plan is computed from values: that is what makes a preview the truth"},
	{"internal/reconcile", []string{"internal/registry", "internal/plan", "internal/mapping", "internal/source"},
		"a run puts reading, mapping and planning together; it is not to know who asks for it"},
	{"internal/jobs", []string{"internal/registry"},
		"the queue runs what it is given; app says what that is"},
	{"internal/auth", []string{"internal/registry"},
		"passwords, sessions and tokens are checked the same way at every door"},
	{"internal/address", []string{"internal/registry"},
		"what a mail address is must be the same for whoever reads one"},
	{"internal/intake", []string{"internal/registry", "internal/auth", "internal/address"},
		"a message is judged without knowing who is in the registry; app introduces the two"},
	{"internal/onboard", []string{"internal/registry", "internal/auth", "internal/address"},
		"pages and mails are other rooms; app introduces them"},
	{"internal/webhooks", []string{"internal/registry", "internal/auth"},
		"it sends what it is given and judges the answers; what is told is written by the store"},
	{"internal/signin", []string{"internal/registry", "internal/auth"},
		"who comes in is decided without knowing pages or rows; app introduces them"},
	{"internal/mail", []string{"internal/registry"},
		"a mail is rendered from what it is given, not looked up"},
	{"internal/demo", nil,
		"the sample directory is a stranger to the rest, as every directory is"},
	{"internal/demo/tenant", []string{"internal/testkit/graphfake"},
		"the sample tenant is the simulator with made-up people, and knows nothing of who reads it"},
	{"internal/mailcatcher", nil,
		"it stands in for somebody else's mail server"},
	{"internal/scimserver", []string{"internal/registry", "internal/auth", "scim"},
		"SCIM's way in: it translates and leaves every rule to the registry"},
	{"internal/api", []string{"internal/registry", "internal/auth"},
		"the API's way in: it translates, and what is done is a port that app fills"},
	{"internal/web", []string{"internal/registry", "internal/auth"},
		"pages show and ask; what they need is an interface that app fills"},
	{"internal/telemetry", []string{"internal/registry"},
		"what is measured is handed in: telemetry knows no room but the nouns"},
	{"internal/config", nil,
		"settings are read before there is anything to configure"},
	{"internal/testkit", []string{"internal/mailcatcher"},
		"a test server that used our code would agree with its mistakes"},
	{"internal/testkit/migrated", []string{"internal/store", "internal/testkit/need", "internal/testkit/postgres"},
		"the tables it copies are the store's"},
	{"internal/testkit/graphfake", []string{"internal/testkit/certs"},
		"Graph is told by Microsoft's pages, not by what our source asks; and a program may serve it"},
	{"internal/app", []string{"internal", "scim", "ent/migrations"},
		"app wires every room"},
	{"internal/bench", []string{"internal"},
		"the benchmark runs the whole"},
	{"deploy", []string{"internal/config", "internal/telemetry"},
		"its tests load the examples as usher would, and look for each metric that they name"},
	{"internal/walls", nil,
		"it only reads files"},
	{"cmd", []string{"internal/app", "internal/config", "internal/registry"},
		"a command reads its flags and calls app"},
}

// testRooms are the folders that tests may import besides what their room may:
// real servers, the real store, and the suites that ports come with (folders
// that end in test).
var testRooms = []string{"internal/testkit", "internal/mailcatcher", "internal/store", "internal/registry"}

// testPairs are the neighbours that the tests of a room may meet, because the
// two are only worth testing together.
var testPairs = map[string][]string{
	"internal/store":       {"scim"},                             // a filter means what the protocol's schemas say
	"internal/web":         {"internal/onboard", "scim/dialect"}, // a form, a link and what the link is good for; words for each dialect there is
	"internal/source/ldap": {"internal/mapping"},                 // what a read costs with everything that follows it
}

// alone are rooms whose tests have no such freedom.
var alone = []string{"scim"}

// forTests are folders that only tests, the programs beside them, and
// themselves import.
var forTests = []string{"internal/testkit"}

// forTestsUsers are the programs beside the tests, and the demo's tenant, which is
// the simulator.
var forTestsUsers = []string{"internal/testkit", "internal/bench", "ent/migrate", "internal/demo/tenant"}

// part is a package from outside with the rooms that may use it.
type part struct {
	path  string // with everything below it
	rooms []string
	why   string
}

// parts are the walls around technology. Tests may use what they like.
var parts = []part{
	{"entgo.io/ent", []string{"ent", "internal/store"}, "only the store speaks Ent"},
	{"ariga.io/atlas", []string{"ent", "internal/store"}, "only the store knows how tables change"},
	{"database/sql", []string{"ent/migrate", "internal/store", "internal/jobs", "internal/app", "internal/bench", "internal/testkit"},
		"only the store speaks SQL; the queue shares its connections and app hands them over"},
	{"github.com/jackc/pgx", []string{"ent/migrate", "internal/store", "internal/testkit"}, "only the store knows which database it is"},
	{"modernc.org/sqlite", []string{"ent/migrate", "internal/store"}, "only the store knows which database it is"},
	{"github.com/pressly/goose", []string{"internal/store"}, "only the store migrates"},
	{"github.com/riverqueue/river", []string{"internal/jobs", "internal/store", "internal/app"}, "only the queue's room knows the queue"},
	{"github.com/robfig/cron", []string{"internal/config", "internal/jobs"}, "schedules are checked in one place and run in one other"},
	{"github.com/go-ldap/ldap", []string{"internal/source/ldap", "internal/demo", "internal/testkit", "internal/bench"}, "only its source speaks LDAP, and the servers it is tried on"},
	{"github.com/microsoftgraph", []string{"internal/source/entra"}, "the SDK is large; everybody else sees slim structs"},
	{"github.com/microsoft", []string{"internal/source/entra"}, "what the SDK is built on stays with it"},
	{"github.com/Azure/azure-sdk-for-go", []string{"internal/source/entra"}, "only its source signs in to Entra"},
	{"github.com/expr-lang/expr", []string{"internal/mapping"}, "expressions mean the same everywhere because one room compiles them"},
	{"github.com/wneessen/go-mail", []string{"internal/mail"}, "mail leaves by one door"},
	{"github.com/goccy/go-yaml", []string{"internal/config"}, "the configuration is read once"},
	{"github.com/coreos/go-oidc", []string{"internal/auth"}, "what identity providers sign is judged in one room"},
	{"golang.org/x/oauth2", []string{"internal/auth"}, "what identity providers sign is judged in one room"},
	{"github.com/go-webauthn/webauthn", []string{"internal/auth"}, "what proves a person is judged in one room"},
	{"github.com/pquerna/otp", []string{"internal/auth"}, "what proves a person is judged in one room"},
	{"github.com/go-jose/go-jose", []string{"internal/auth", "internal/testkit"}, "what identity providers sign is judged in one room"},
	{"github.com/spf13/cobra", []string{"cmd"}, "flags end where the command ends"},
	{"github.com/standard-webhooks/standard-webhooks", []string{"internal/webhooks"}, "deliveries are signed in one room"},
	{"github.com/prometheus", []string{"internal/telemetry"}, "metrics have their names and labels in one place"},
	{"go.opentelemetry.io/otel", []string{"internal/telemetry"}, "what a span may tell is decided in one place"},
	{"net/http", []string{"cmd", "scim", "internal/auth", "internal/api", "internal/web", "internal/scimserver", "internal/mailcatcher", "internal/webhooks", "internal/telemetry", "internal/app", "internal/source/entra", "internal/testkit", "internal/bench", "internal/intake"}, "a rule does not know the protocol that asks"},
	{"testing", []string{"internal/testkit"}, "package testing adds its flags to the program"},
}

// pure are the rooms without effects: they get values and return values.
var pure = []string{"internal/registry", "internal/plan", "internal/mapping"}

// effects are the packages that a pure room does without.
var effects = []string{"os", "os/exec", "net", "net/http", "syscall", "database/sql", "log", "log/slog"}

// pureParts are the modules from outside a pure room may use.
var pureParts = []string{"golang.org/x/text", "github.com/expr-lang/expr"}
