/*
 * `ordersync-loadtest compare A[,A2...] B[,B2...]`: two runs, or two sets of runs, side by side. What each A is: a
 * report.json, or the folder that --out has written.
 */
#pragma once

/* argv[0] is "compare". The exit status: 0 compared; 1 a file cannot be read, or is named twice; 2 wrong usage. */
int load_compare_main(int argc, char **argv);
