package webhooks

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// waits are those after the first, second, … attempt; after the last there is no
// other. It is the schedule that the specification recommends: three days and a
// few hours in ten attempts.
func waits() []time.Duration {
	const minute, hour = time.Minute, time.Hour
	return []time.Duration{5 * time.Second, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour}
}

// longestAsked is the longest wait that a receiver may ask for.
const longestAsked = 24 * time.Hour

// nextTry is when a delivery is tried again after so many attempts, false for
// never. Jitter in [0,1) makes the wait up to a fifth longer, so that what failed
// together does not come back together; a receiver may ask for a longer one.
func nextTry(now time.Time, attempts int, asked time.Duration, jitter float64) (time.Time, bool) {
	steps := waits()
	if attempts > len(steps) {
		return time.Time{}, false
	}
	wait := time.Duration(float64(steps[attempts-1]) * (1 + jitter/5))
	return now.Add(max(wait, min(asked, longestAsked))), true
}

// askedWait reads Retry-After (RFC 9110 section 10.2.3), which means something in
// an answer of 429 or 503.
func askedWait(res *http.Response, now time.Time) time.Duration {
	if res.StatusCode != http.StatusTooManyRequests && res.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	value := strings.TrimSpace(res.Header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
