package verdict

import (
	"math"
	"math/rand/v2"
)

// typical is about what a subject has in a row on a machine of two cores.
var typical = map[string]map[string]float64{
	Up1:     {Throughput: 500, CPUPerGiB: 3, CPUPerGiBA: 1.6, CPUPerGiBB: 1.4},
	Up16:    {Throughput: 600, CPUPerGiB: 2.7, CPUPerGiBA: 1.4, CPUPerGiBB: 1.3},
	Echo64:  {Requests: 15356, CPUPer1000: 80.8, P50: 935, P99: 4092, CPUPer1000A: 41, CPUPer1000B: 39},
	Echo64K: {Requests: 3442, CPUPer1000: 405, P50: 4012, P99: 12856, CPUPer1000A: 206, CPUPer1000B: 202},
	Paced:   {P50: 242, P99: 883, CPUPer1000: 214, CPUPer1000A: 111, CPUPer1000B: 103},
	New:     {Connections: 650, CPUPer1000: 2261, CPUPer1000A: 805, CPUPer1000B: 1455},
	Beside:  {P99: 84537, P50: 30227, BesideUploads: 390},
	Idle:    {BytesPerConn: 103350},
}

// story makes a run whose subjects have factor times what is typical, with a log-normal spread that is the machine's in
// the round (all subjects share it) and one that is each measurement's own.
type story struct {
	rounds       int
	machine, own float64
	subjects     []string
	factor       func(row, subject, metric string) float64
	draw         *rand.Rand
}

func (s *story) tell() *Document {
	d := &Document{Run: smallRun(), End: &End{}}
	d.Rounds, d.Rows, d.Subjects = s.rounds, Rows(), nil
	for _, name := range s.subjects {
		d.Subjects = append(d.Subjects, Subject{Name: name})
	}
	for round := range s.rounds {
		for _, row := range d.rowNames() {
			machine := s.machine * s.draw.NormFloat64()
			for _, subject := range s.subjects {
				own := s.own * s.draw.NormFloat64()
				for _, metric := range metricsOf(row) {
					slow := math.Exp(machine + own) // what is slow takes longer, and does less
					if better(metric) == More {
						slow = 1 / slow
					}
					d.Samples = append(d.Samples, Sample{round, row, subject, metric, typical[row][metric] * s.factor(row, subject, metric) * slow})
				}
			}
		}
	}
	return d
}

// metricsOf is an order that is always the same.
func metricsOf(row string) []string {
	d := Document{}
	for m := range typical[row] {
		d.Samples = append(d.Samples, Sample{Row: row, Metric: m})
	}
	return d.metrics(row)
}

// seeded is a source that is the same for the same seed.
func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 23)) }
