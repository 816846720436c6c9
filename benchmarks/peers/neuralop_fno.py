"""neuraloperator's own FNO, the network that pno calls flavour neuralop, with the library's loss and AdamW: a peer of
run.py. It is a larger network than that of Li et al. (two-layer lift and head, gated channel MLP): beside it stands
pno-neuralop, not pno."""
import torch
from neuralop.losses import LpLoss
from neuralop.models import FNO
from neuralop.training import AdamW

import steps


def main():
    args = steps.arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    torch.set_flush_denormal(args.tuned)
    x, y = (torch.from_numpy(field)[:, None] for field in steps.fields(args))
    model = FNO(n_modes=tuple(2 * args.modes for _ in args.n), in_channels=1, out_channels=1, hidden_channels=args.width,
                lifting_channel_ratio=2, projection_channel_ratio=2)
    optimizer = AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
    loss_of = LpLoss(d=len(args.n), p=2)

    def train():
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item() / args.batch

    @torch.inference_mode()
    def infer():
        return model(x)[(0,) * x.dim()].item()

    model.train(args.mode == "train")
    steps.serve(f"neuraloperator FNO, torch {torch.__version__}", train if args.mode == "train" else infer)


if __name__ == "__main__":
    main()
