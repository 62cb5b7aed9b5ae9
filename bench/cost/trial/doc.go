// Package trial measures what isolation costs: it places one isolation after
// another on a dense node of a lab and writes down what is seen there.
//
//	p := trial.Params{Sizes: []int{10, 50, 110}, Isolations: lab.Isolations, Repeat: 3, Seed: 7, Times: trial.DefaultTimes()}
//	err := trial.New(p, say).Run(ctx, openLab, dir)
//
// A run is a list of turns: for each size a lab, in it so many rounds, in each round
// every isolation once, in the seed's order, none among them. A turn is: place, look
// at the idle node, change one workload, take pods out and add them again, load,
// replace every process under another load, displace.
package trial
