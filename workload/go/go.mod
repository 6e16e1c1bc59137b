module memgap/workload

go 1.19
