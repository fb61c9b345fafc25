"""A training step of the default MiniResNet (112x112x3, 100 people) in PyTorch, to hold against

    npm run bench -- train-step

Run with Debian's python3-torch:  /usr/bin/python3 bench/peers/torch-train-step.py [BATCH] [THREADS] [STEPS] [DEVICE]
Forward, softmax cross entropy, backward, SGD with momentum, float32 (on a GPU, DEVICE cuda, without TF32); both memory
formats, medians.
"""
import os
import statistics
import sys
import time

import torch
from torch.nn import functional

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../test/fixtures"))
from torch_networks import MiniResNet

batch, threads, steps = (list(map(int, sys.argv[1:4])) + [32, 1, 10][len(sys.argv[1:4]) :])[:3]
device = sys.argv[4] if len(sys.argv) > 4 else "cpu"
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
torch.set_num_threads(threads)
torch.manual_seed(1)
for memory_format in [torch.contiguous_format, torch.channels_last]:
    network = MiniResNet(3, [32, 64, 128, 256], [2, 2, 2, 2], "post-activation", 128, 100).to(device, memory_format=memory_format)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    images = torch.randn(batch, 3, 112, 112).to(device, memory_format=memory_format)
    labels = (torch.arange(batch) % 100).to(device)
    times = []
    for _ in range(steps + 2):
        start = time.perf_counter()
        optimiser.zero_grad()
        functional.cross_entropy(network(images), labels).backward()
        optimiser.step()
        if device != "cpu":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    seconds = statistics.median(times[2:])
    name = str(memory_format).replace("torch.", "")
    print(f"PyTorch {torch.__version__}, {device}, {threads} thread, {name}: {1000 * seconds:.1f} ms a step, {batch / seconds:.1f} images/s")
