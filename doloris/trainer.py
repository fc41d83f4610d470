"""One training loop for both models: AdamW, annealing, averaged weights, early stopping, resuming."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from doloris.errors import DolorisError
from doloris.recording import RecordedStep

Loss = Callable[[torch.Generator], Tensor]
_REPORT_EVERY = 50
_VALIDATION_BATCHES = 20


@dataclass(frozen=True)
class Plan:
    """How one model is trained.

    Parameters
    ----------
    steps, learning_rate, weight_decay, anneal, anneal_steps, anneal_delay, idle_gradients, ema
        See :class:`doloris.config.DolorisConfig`.
    looks
        How often the validation loss is looked at; 0 for never.
    same_shapes
        Whether all steps compute with the same shapes, so that a GPU can record one and replay it.
    rate_setting
        Name of the setting that ``learning_rate`` comes from, for messages.
    """

    steps: int
    learning_rate: float
    weight_decay: float
    anneal: Literal["linear", "none"] = "none"
    anneal_steps: int | None = None
    anneal_delay: int = 0
    idle_gradients: Literal["zero", "none"] = "none"
    ema: float | None = None
    looks: int = 0
    same_shapes: bool = False
    rate_setting: str = "learning_rate"

    def rate(self, step: int) -> float:
        """Learning rate of a step."""
        if self.anneal == "none":
            return self.learning_rate
        return self.learning_rate * (1.0 - max(step - self.anneal_delay, 0) / (self.anneal_steps or self.steps))


class Trainer:
    """Trains one module and can be stopped and taken up again at any step.

    Parameters
    ----------
    module
        What is trained.
    plan
        How.
    loss
        Loss of a random training batch.
    validation
        Loss of a random validation batch; needed when the plan looks at it.
    generator
        Source of batches, steps and noise, on the device.
    """

    def __init__(
        self, module: nn.Module, plan: Plan, loss: Loss, generator: torch.Generator, validation: Loss | None = None
    ) -> None:
        self.module, self.plan, self.generator = module, plan, generator
        self._loss, self._validation = loss, validation
        self.step = 0
        self.parameters = dict(module.named_parameters())
        on_gpu = generator.device.type == "cuda"
        # on the device, where a recorded step reads it; a GPU's AdamW wants float32
        rate = torch.tensor(plan.learning_rate, device=generator.device, dtype=None if on_gpu else torch.float64)
        self.optimiser = torch.optim.AdamW(
            self.parameters.values(), lr=rate, weight_decay=plan.weight_decay, fused=True, capturable=on_gpu
        )
        self._step = RecordedStep(self._update, generator) if on_gpu and plan.same_shapes else self._update
        self.average = {k: v.detach().clone() for k, v in self.parameters.items()} if plan.ema is not None else {}
        self.best: dict[str, Tensor] = {}
        self.best_loss = float("inf")

    def run(self, report: Callable[[int, float], None], save: Callable[[int], None]) -> None:
        """Train to the end of the plan.

        Parameters
        ----------
        report
            Called now and then with the steps done and the mean loss since.
        save
            Called after every step with the steps done; decides by itself whether to save.

        Raises
        ------
        DolorisError
            If the loss is no longer finite.
        """
        self.module.train()
        recent: list[Tensor] = []
        if self.step == 0:
            self._look()
        while self.step < self.plan.steps:
            recent.append(self._advance())
            if self.step % _REPORT_EVERY == 0 or self.step == self.plan.steps:
                mean = float(torch.stack(recent).mean())
                if not mean < float("inf"):
                    raise DolorisError(
                        f"the training loss is {mean} after {self.step} steps; lower {self.plan.rate_setting} "
                        f"(now {self.plan.learning_rate:g})"
                    )
                recent.clear()
                report(self.step, mean)
            self._look()
            save(self.step)
        self._settle()

    def _advance(self) -> Tensor:
        for group in self.optimiser.param_groups:
            group["lr"].fill_(self.plan.rate(self.step))
        loss = self._step()
        self.step += 1
        return loss

    def _update(self) -> Tensor:
        self.optimiser.zero_grad(set_to_none=self.plan.idle_gradients == "none")
        loss = self._loss(self.generator)
        loss.backward()
        self.optimiser.step()
        if self.plan.ema is not None:
            with torch.no_grad():
                torch._foreach_lerp_(list(self.average.values()), list(self.parameters.values()), 1.0 - self.plan.ema)
        return loss.detach()

    def _look(self) -> None:
        """Remember the weights if the validation loss is the lowest so far."""
        if not self.plan.looks or self._validation is None:
            return
        every = max(1, self.plan.steps // self.plan.looks)
        if self.step % every and self.step != self.plan.steps:
            return
        loss = self.validation_loss()
        if loss < self.best_loss:
            self.best_loss = loss
            self.best = {k: v.detach().clone() for k, v in self.module.state_dict().items()}

    @torch.no_grad()
    def validation_loss(self) -> float:
        """Mean loss of the same validation batches every time, without dropout."""
        assert self._validation is not None
        generator = torch.Generator(self.generator.device).manual_seed(0)
        self.module.eval()
        losses = [self._validation(generator) for _ in range(_VALIDATION_BATCHES)]
        self.module.train()
        return float(torch.stack(losses).mean())

    def _settle(self) -> None:
        """Leave the weights that sampling should use in the module."""
        if self.best:
            self.module.load_state_dict(self.best)
        elif self.average:
            with torch.no_grad():
                for name, parameter in self.parameters.items():
                    parameter.copy_(self.average[name])
        self.module.eval()

    def state(self) -> dict[str, Tensor]:
        """Everything that decides how training goes on, as named tensors."""
        out = {f"module.{k}": v for k, v in self.module.state_dict().items()}
        names = list(self.parameters)
        for number, moments in self.optimiser.state_dict()["state"].items():
            out |= {f"optimiser.{names[number]}.{key}": torch.as_tensor(value) for key, value in moments.items()}
        out |= {f"average.{k}": v for k, v in self.average.items()}
        out |= {f"best.{k}": v for k, v in self.best.items()}
        out["best_loss"] = torch.tensor(self.best_loss, dtype=torch.float64)
        out["step"] = torch.tensor(self.step)
        out["generator"] = self.generator.get_state()
        return out

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up training where :meth:`state` was taken."""
        self.module.load_state_dict(_under(state, "module."))
        moments: dict[int, dict[str, Tensor]] = {}
        for number, name in enumerate(self.parameters):
            found = {k: v for k, v in _under(state, f"optimiser.{name}.").items() if "." not in k}
            if found:
                moments[number] = found
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": moments, "param_groups": groups})
        for name, value in _under(state, "average.").items():
            self.average[name].copy_(value)
        self.best = _under(state, "best.")
        self.best_loss = float(state["best_loss"])
        self.step = int(state["step"])
        self.generator.set_state(state["generator"].cpu())


def _under(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
