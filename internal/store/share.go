package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"
)

// SQLite has one writer, and a commit waits for the disk. Those who wait for
// their turn to write therefore share the next transaction: whoever gets the
// turn carries out the parts of all and commits once. Nobody is answered before
// that. A part that fails is undone alone. Where a transaction breaks as a whole,
// by a full disk or a panic in one part, nothing of it was written, and each part
// is carried out anew by itself. A part may therefore be carried out several times.
//
// PostgreSQL needs none of it: it writes the commits of many at once.

// part is what one caller wants written.
type part struct {
	ctx context.Context
	fn  func(*session) error
	// done is closed when err says how it went, or alone that the caller has to
	// do it.
	done  chan struct{}
	err   error
	alone bool
}

func (p *part) over() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// line are those who wait to write.
type line struct {
	turn    chan struct{} // full while somebody writes
	mu      sync.Mutex
	waiting []*part
	// patience is how long a transaction may take in parts before it is committed.
	patience time.Duration
}

func newLine() *line { return &line{turn: make(chan struct{}, 1), patience: sharedTime} }

// maxParts is how many share a transaction, and sharedTime how long it may take
// before it is committed: another process waits for it.
const (
	maxParts   = 64
	sharedTime = 20 * time.Millisecond
)

// join waits at the end of the line, rejoin at its beginning.
func (l *line) join(p *part) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, p)
}

func (l *line) rejoin(parts []*part) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(slices.Clone(parts), l.waiting...)
}

// leave gives the place up; false when the part is being carried out already.
func (l *line) leave(p *part) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.waiting, p)
	if i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	}
	return i >= 0
}

// take gives the next who share a transaction.
func (l *line) take() []*part {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(maxParts, len(l.waiting))
	out := slices.Clone(l.waiting[:n])
	l.waiting = slices.Delete(l.waiting, 0, n)
	return out
}

// tryShared is tryTx in company.
func (s *Store) tryShared(ctx context.Context, fn func(*session) error) error {
	p := &part{ctx: ctx, fn: fn, done: make(chan struct{})}
	s.line.join(p)
	select {
	case <-p.done:
	case s.line.turn <- struct{}{}:
		s.lead(p)
	case <-ctx.Done():
		if s.line.leave(p) {
			return fmt.Errorf("%w: %w", errBegin, ctx.Err())
		}
		<-p.done
	}
	if !p.alone {
		return p.err
	}
	select {
	case s.line.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errBegin, ctx.Err())
	}
	defer func() { <-s.line.turn }()
	return s.tryTx(ctx, fn)
}

// lead writes for all who wait, until the own part is over.
func (s *Store) lead(own *part) {
	defer func() { <-s.line.turn }()
	runtime.Gosched() // those on their way here can come along
	for !own.over() {
		parts := s.line.take()
		if len(parts) == 1 && parts[0] == own { // no company, as mostly
			own.err = s.tryTx(own.ctx, own.fn)
			return
		}
		s.writeParts(parts)
	}
}

// writeParts carries out several parts in one transaction. Hardly any fails, so
// that it is tried without savepoints first, which cost a copy of each page that
// a part changes; after a failure, all are carried out anew with them.
func (s *Store) writeParts(parts []*part) {
	var rest []*part
	settled := false
	defer func() {
		s.line.rejoin(rest)
		for _, p := range parts[:len(parts)-len(rest)] {
			p.alone = !settled
			close(p.done)
		}
	}()
	if rest, settled = s.tryParts(parts, false); !settled {
		rest, settled = s.tryParts(parts, true)
	}
}

// tryParts carries out parts. The rest came too late for this transaction. Unless
// it is settled how each of the others went, nothing of them was written.
func (s *Store) tryParts(parts []*part, careful bool) (rest []*part, settled bool) {
	conn, tx, err := s.beginShared()
	if err != nil {
		for _, p := range parts {
			p.err = fmt.Errorf("%w: %w", errBegin, err)
		}
		return nil, true
	}
	defer func() {
		if !settled {
			_ = tx.Rollback() // it is broken; that nothing of it stays is all that counts
		}
		_ = conn.Close() // gives it back
	}()
	x, begin, good := &session{s: s, tx: tx, direct: conn}, time.Now(), 0 //nolint:forbidigo // how long others wait is no matter of the clock that is stored
	for i, p := range parts {
		if i > 0 && time.Since(begin) > s.line.patience { //nolint:forbidigo // as above
			parts, rest = parts[:i], parts[i:]
			break
		}
		if err := x.writePart(p, careful); err != nil {
			return nil, false
		}
		if p.err == nil {
			good++
		}
	}
	if good == 0 {
		_ = tx.Rollback() // every part failed and was undone
		return rest, true
	}
	if err := tx.Commit(); err != nil {
		for _, p := range parts {
			if p.err == nil {
				p.err = fmt.Errorf("commit: %w", err)
			}
		}
	}
	return rest, true
}

// beginShared begins a transaction that is nobody's own: each may leave.
func (s *Store) beginShared() (*sql.Conn, *sql.Tx, error) {
	conn, err := s.write.Conn(context.Background())
	if err != nil {
		return nil, nil, err
	}
	tx, err := conn.BeginTx(context.Background(), nil)
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, tx, nil
}

// writePart carries out one part, in a savepoint if it is careful. The error is
// about the transaction: it is not what it was before the part.
func (x *session) writePart(p *part, careful bool) error {
	ctx := context.Background()
	if p.err = p.ctx.Err(); p.err != nil {
		return nil //nolint:nilerr // it was never begun
	}
	if !careful {
		return errors.Join(p.run(x), p.err)
	}
	if _, err := x.exec(ctx, `SAVEPOINT part`); err != nil {
		return err
	}
	if err := p.run(x); err != nil {
		return err
	}
	if p.err != nil {
		if _, err := x.exec(ctx, `ROLLBACK TO part`); err != nil {
			return errors.Join(p.err, err)
		}
	}
	_, err := x.exec(ctx, `RELEASE part`)
	return err
}

// run calls fn. A panic belongs to the one who brought it, who will meet it
// again alone.
func (p *part) run(x *session) (broken error) {
	defer func() {
		if v := recover(); v != nil {
			broken = fmt.Errorf("panic: %v", v)
		}
	}()
	if p.err = p.fn(x); p.err == nil {
		p.err = p.ctx.Err() // who is gone wants nothing written
	}
	return nil
}
