"""One call of DeepSparse for each line of input; run by `engine_peers`, in an environment of its own.

DeepSparse 1.8.0 is for evaluation only, and wants old versions of what it depends on.
"""

import os
import sys

import numpy as np

os.environ["NM_DISABLE_ANALYTICS"] = "1"


def main() -> None:
    """Arguments: ONNX file, `.npz` of its inputs in order, threads."""
    from deepsparse import compile_model

    path, inputs_file, threads = sys.argv[1:]
    with np.load(inputs_file) as file:
        inputs = [np.ascontiguousarray(file[name]) for name in file.files]
    engine = compile_model(path, batch_size=inputs[0].shape[0], num_cores=int(threads))
    print(engine.fraction_of_supported_ops, flush=True)
    answer = engine.run(inputs)
    np.savez(f"{inputs_file}.answer.npz", *answer)
    print("ready", flush=True)
    for _ in sys.stdin:
        engine.run(inputs)
        print("done", flush=True)


if __name__ == "__main__":
    main()
