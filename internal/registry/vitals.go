package registry

import "time"

// Vitals are what an operator watches of an installation, all companies
// together. They come from the database, so that every process tells the same.
type Vitals struct {
	Sources     []SourceVitals
	Connections []ConnectionVitals
	// Mails and Deliveries count what is not done yet, or failed, by state.
	Mails, Deliveries Backlog
	// Jobs is the durable queue.
	Jobs Backlog
	// Processes is how many usher processes show life.
	Processes int
	// LastBackup is the last copy of a SQLite database that was tried, GoodBackup the
	// last one that was found whole; both are zero where there is none.
	LastBackup, GoodBackup Backup
}

// Backup is a copy of a SQLite database that `usher backup` made or tried.
type Backup struct {
	At    time.Time
	File  string
	Bytes int64
	// Problem is why there is none, "" for one that was checked and found whole.
	Problem string
}

// Backlog is a queue.
type Backlog struct {
	States map[string]int64
	// Oldest is since when the first of those that wait waits, zero for none.
	Oldest time.Time
}

// SourceVitals is how a source fares, in numbers.
type SourceVitals struct {
	Company, Key, Schedule string
	// ByHand is who set the schedule in place of the file's, "" for nobody.
	ByHand string
	// NextDue is when the schedule comes up next, zero for never.
	NextDue time.Time
	// LastSuccess is when a run last went to its end after a complete read.
	LastSuccess               time.Time
	QuarantinedAt, PausedAt   time.Time
	QuarantineReason          Said
	Failures                  int
	HeldRun, HeldChanges      int64 // the number of the run that waits for a decision, 0 for none
	HeldSince, LeaseUntil     time.Time
	SettingsHash, LeaseHolder string
}

// ConnectionVitals is how a SCIM connection fares.
type ConnectionVitals struct {
	Company, Name string
	Paused        bool
	// LastRequest is zero when there is none in the log.
	CreatedAt, LastRequest time.Time
	// TokenEnds is when the last of its tokens ends, zero when one never does;
	// Credentials is how many tokens and OAuth clients are live.
	TokenEnds   time.Time
	Credentials int
}
