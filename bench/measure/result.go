package measure

import "time"

// Result is what the judge made of a record. Durations are nanoseconds.
type Result struct {
	Late     time.Duration `json:"late"` // L
	P99      time.Duration `json:"p99"`  // the largest pooled baseline p99
	Outcomes []Outcome     `json:"outcomes"`
	Rows     []Row         `json:"rows"`
	Null     *Row          `json:"null,omitempty"` // nil: no null segment
	Noise    Noise         `json:"noise"`
	Void     Void          `json:"void"`
	Seen     []Seen        `json:"seen"`
	Findings []Finding     `json:"findings"`
	Triage   []Triage      `json:"triage,omitempty"` // of the segments that somebody watched; set by whoever has the looks
	Invalid  []string      `json:"invalid"`          // why the numbers must not be used; empty: they may
}

// Outcome is one judged segment. Flows are ids, ascending.
type Outcome struct {
	Segment int    `json:"segment"` // position in Run.Segments
	Subject string `json:"subject"`
	Kind    string `json:"kind"`
	Repeat  int    `json:"repeat"`

	Hit        []int `json:"hit"`
	Predicted  []int `json:"predicted"`  // must be hit
	May        []int `json:"may"`        // wait for less than can be seen: may be hit
	Bystanders []int `json:"bystanders"` // hit, and neither end is the culprit
	ByLateness []int `json:"byLateness"` // hit by lateness alone
	Down       []int `json:"down"`

	BystanderLoad BystanderLoad `json:"bystanderLoad"`
	CPUs          *CPUs         `json:"cpus,omitempty"` // nil: nobody read the machine
	Denied        Denials       `json:"denied,omitzero"`

	Checks  []Check `json:"checks,omitempty"`
	Skipped string  `json:"skipped,omitempty"` // why the fault did not strike

	Victims    []Victim    `json:"victims"` // hit bystander workloads, by name
	Deviations []Deviation `json:"deviations"`

	ErrorSeconds ErrorSeconds   `json:"errorSeconds"`
	Recovery     Recovery       `json:"recovery"`
	Failures     map[string]int `json:"failures"` // by class, after the fault; breaks are not requests and not in here
	Breaks       int            `json:"breaks"`   // long-lived connections that broke
	// All errors outside of void bins, before and after the fault, requests and breaks.
	ErrorClasses map[string]int `json:"errorClasses"`
	ErrorFlows   []int          `json:"errorFlows"`

	PSS      int64   `json:"pss"`      // bytes of the data plane, right before the fault
	Private  int64   `json:"private"`  // ditto
	CPUPer1k float64 `json:"cpuPer1k"` // CPU milliseconds of the data plane per 1,000 requests, before the fault
	Measured bool    `json:"measured"` // the three above are known

	BaselineP99    time.Duration `json:"baselineP99"`
	BaselineErrors int           `json:"baselineErrors"`
	LateAlone      int           `json:"lateAlone"` // late bins without a neighbour: noise
	Missing        int64         `json:"missing"`   // planned requests without a record
	VoidBins       int           `json:"voidBins"`
	VoidErrors     int           `json:"voidErrors"` // failures in void bins, judged for nobody
	Bins           int           `json:"bins"`
}

// ErrorSeconds is the time that flows spent disturbed, 0.1 s per bad bin, summed
// over flows; new and reused connections apart.
type ErrorSeconds struct {
	New    float64 `json:"new"`
	Reused float64 `json:"reused"`
}

// Recovery is the end of the last bad bin after the fault.
type Recovery struct {
	Needed bool          `json:"needed"` // something was bad
	Within bool          `json:"within"` // and the observation saw it end
	After  time.Duration `json:"after"`
}

// Victim is a hit bystander workload.
type Victim struct {
	Name  string `json:"name"`
	Node  string `json:"node"`
	Flows int    `json:"flows"` // hit bystander flows with an end here
	Down  int    `json:"down"`  // of them, down
}

// Deviation is a flow whose outcome is not what was predicted.
type Deviation struct {
	Flow        int    `json:"flow"`
	Predicted   bool   `json:"predicted"` // predicted and not hit; otherwise hit and not predicted
	Explanation string `json:"explanation"`
}

// Row is one subject over all repeats.
type Row struct {
	Subject  string  `json:"subject"` // empty for the null row
	Outcomes []int   `json:"outcomes"`
	PSS      int64   `json:"pss"`              // bytes of the data plane at the end of the sample's baseline
	Private  int64   `json:"private"`          // ditto
	Sample   int     `json:"sample"`           // the outcome whose PSS is the (lower) median over outcomes
	CPUPer1k float64 `json:"cpuPer1k"`         // CPU milliseconds of the data plane per 1,000 requests, before the fault
	Measured bool    `json:"measured"`         // the three above are known
	Paired   *Paired `json:"paired,omitempty"` // nil: fewer than two repeats
	// Spreads are the figures over the outcomes; Open counts those that did not recover
	// while they were observed.
	Spreads []Spread `json:"spreads"`
	Open    int      `json:"open"`
}

// Noise is what null segments and baselines show without any fault.
type Noise struct {
	Nulls     int `json:"nulls"`     // null segments
	Errors    int `json:"errors"`    // failed requests and broken connections in them, outside of void bins
	Void      int `json:"void"`      // ditto, in void bins
	LateHits  int `json:"lateHits"`  // the largest number of flows hit by lateness in one
	LateAlone int `json:"lateAlone"` // single late bins in them
	FaultFree int `json:"faultFree"` // errors in the baselines of the other segments
}

// Void counts the bins that were judged for nobody.
type Void struct {
	Bins   int `json:"bins"`
	Total  int `json:"total"`
	Errors int `json:"errors"` // failures in them
}

// Share is the part of bins that is void.
func (v Void) Share() float64 {
	if v.Total == 0 {
		return 0
	}
	return float64(v.Bins) / float64(v.Total)
}
