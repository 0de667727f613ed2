"""What does `benchmarks.model_matrix` consist of: architectures, measures, two pruners, one page?"""
